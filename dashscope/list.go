package dashscope

import (
	"errors"
	"net/url"
	"strconv"
	"time"
)

// TaskFilter narrows the list of tasks. Zero fields do not narrow.
type TaskFilter struct {
	TaskID string
	// Start and End bound the time of submission, at most 24 h apart. With neither
	// the list covers the last 24 h, with one the 24 h from it.
	Start, End time.Time
	Model      string // any spelling; the region's own is sent
	Status     Status
	Page       int // from 1; 0 = the first
	PageSize   int // 0 = the service's default, 10
}

// TaskPage is one page of the account's tasks, newest first.
type TaskPage struct {
	Total, TotalPages, Page, PageSize int
	RequestID                         string
	Tasks                             []TaskRow
	// Uncounted is a page that does not tell the total, or one below its own rows.
	// It does not prove that a task is missing.
	Uncounted bool
	// Unreadable counts rows without a usable task id. A page with such rows does
	// not prove that a task is missing.
	Unreadable int
}

// TaskRow is one task of a list. It tells neither prompt nor pictures.
type TaskRow struct {
	TaskID, RequestID string
	Model             string // the shown spelling where the catalogue has the model
	Status            Status
	// Created is when the service took the request; a zero time was not told.
	Created, Started, Ended time.Time
	Region                  string // the service's name for it, "cn-beijing"
}

// query writes a filter as the service's parameters; model is the name on the wire.
func (f TaskFilter) query(model string) url.Values {
	q := url.Values{}
	set := func(key, value string) {
		if value != "" {
			q.Set(key, value)
		}
	}
	stamp := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.In(chinaTime).Format("20060102150405")
	}
	number := func(n int) string {
		if n <= 0 {
			return ""
		}
		return strconv.Itoa(n)
	}
	set("task_id", f.TaskID)
	set("start_time", stamp(f.Start))
	set("end_time", stamp(f.End))
	set("model_name", model)
	set("status", string(f.Status))
	set("page_no", number(f.Page))
	set("page_size", number(f.PageSize))
	return q
}

// decodePage reads one page of the task list. An answer that is no list is an
// error and never an empty page, from which a reader would conclude that a task
// does not exist.
func decodePage(o object) (*TaskPage, error) {
	if o.code() != "" {
		return nil, errHasCode
	}
	rows, ok := o.array("data")
	total, counted := o.int("total")
	if !ok && (!counted || total != 0) {
		return nil, errors.New("the answer has no list of tasks")
	}
	page := &TaskPage{
		Total: o.count("total"), TotalPages: o.count("total_page"),
		Page: o.count("page_no"), PageSize: o.count("page_size"),
		RequestID: o.requestID(), Uncounted: !counted || total < int64(len(rows)),
	}
	for _, raw := range rows {
		row, err := parseObject(raw)
		id := row.taskID()
		if err != nil || id == "" {
			page.Unreadable++
			continue
		}
		name := Clip(row.text("model_name"), quoteMax)
		if m := findModel(name); m != nil {
			name = m.ID
		}
		page.Tasks = append(page.Tasks, TaskRow{
			TaskID: id, RequestID: row.requestID(), Model: name, Status: row.status("status"),
			Created: row.millis("gmt_create"), Started: row.millis("start_time"), Ended: row.millis("end_time"),
			Region: Clip(row.text("region"), quoteMax),
		})
	}
	return page, nil
}
