package simulator

import (
	"net/url"
	"strconv"
	"time"
)

type queriedList struct {
	Total     int    `json:"total"`
	Data      []row  `json:"data"`
	TotalPage int    `json:"total_page"`
	PageNo    int    `json:"page_no"`
	RequestID string `json:"request_id"`
	PageSize  int    `json:"page_size"`
}

// A row of the task list: times are milliseconds, and there is no prompt.
type row struct {
	APIKeyID         string `json:"api_key_id"`
	CallerParentID   string `json:"caller_parent_id"`
	CallerUID        string `json:"caller_uid"`
	EndTime          int64  `json:"end_time,omitempty"`
	GmtCreate        int64  `json:"gmt_create"`
	ModelName        string `json:"model_name"`
	Region           string `json:"region"`
	RequestID        string `json:"request_id"`
	StartTime        int64  `json:"start_time,omitempty"`
	Status           string `json:"status"`
	TaskID           string `json:"task_id"`
	UserAPIUniqueKey string `json:"user_api_unique_key"`
}

// query answers 200 for every id; one that is not known, or not any more, is
// UNKNOWN.
func (s *Simulator) query(c *call) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	t, err := s.shelf.get(c.id)
	if err != nil {
		return failWith("InternalError", err.Error())
	}
	if t == nil || !t.exists(now) || c.fault.Kind == "lie" {
		t = &task{ID: c.id, Expired: true}
	}
	return answerJSON(t.answer(t.state(now), newID(), s.links(c, t)))
}

func (s *Simulator) cancel(c *call) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	t, err := s.shelf.get(c.id)
	if err != nil {
		return failWith("InternalError", err.Error())
	}
	if t == nil || !t.exists(now) || t.state(now) != pending {
		return failWith("UnsupportedOperation", "Failed to cancel the task, please confirm if the task is in PENDING status.")
	}
	next := *t
	next.Canceled = now
	if err := s.shelf.put(&next); err != nil {
		return failWith("InternalError", err.Error())
	}
	return answerJSON(struct {
		RequestID string `json:"request_id"`
	}{newID()})
}

// A filter is the query of a task list.
type filter struct {
	start, end     time.Time
	id, model      string
	status         string
	page, pageSize int
}

const pageSizeMax = 100

func parseFilter(q url.Values, now time.Time) (f filter, message string) {
	f = filter{id: q.Get("task_id"), model: q.Get("model_name"), status: q.Get("status")}
	switch f.status {
	case "", pending, running, succeeded, failed, canceled, unknown:
	default:
		return f, "status must be one of PENDING, RUNNING, SUCCEEDED, FAILED, CANCELED, UNKNOWN"
	}
	if f.start, f.end, message = parseWindow(q.Get("start_time"), q.Get("end_time"), now); message != "" {
		return f, message
	}
	var ok1, ok2 bool
	f.page, ok1 = positive(q.Get("page_no"), 1)
	f.pageSize, ok2 = positive(q.Get("page_size"), 10)
	if !ok1 || !ok2 {
		return f, "page_no and page_size must be positive integers"
	}
	f.pageSize = min(f.pageSize, pageSizeMax)
	return f, ""
}

// parseWindow reads YYYYMMDDhhmmss in China time; at most 24 hours, and the
// last 24 when nothing is given.
func parseWindow(from, to string, now time.Time) (start, end time.Time, message string) {
	const layout = "20060102150405"
	var err1, err2 error
	if from != "" {
		start, err1 = time.ParseInLocation(layout, from, zone)
	}
	if to != "" {
		end, err2 = time.ParseInLocation(layout, to, zone)
	}
	if err1 != nil || err2 != nil {
		return start, end, "start_time and end_time must have the form YYYYMMDDhhmmss"
	}
	switch {
	case from == "" && to == "":
		start, end = now.Add(-lifetime), now
	case to == "":
		end = start.Add(lifetime)
	case from == "":
		start = end.Add(-lifetime)
	case end.Before(start) || end.Sub(start) > lifetime:
		return start, end, "the time between start_time and end_time must be within 24 hours"
	}
	return start, end, ""
}

func positive(s string, missing int) (int, bool) {
	if s == "" {
		return missing, true
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n > 0
}

func (s *Simulator) list(c *call) reply {
	now := time.Now()
	f, message := parseFilter(c.r.URL.Query(), now)
	if message != "" {
		return failWith("InvalidParameter", message)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.shelf.refresh(now); err != nil {
		return failWith("InternalError", err.Error())
	}
	var found []*task
	for _, t := range s.shelf.tasks {
		if f.takes(t, now) && !t.Created.After(now.Add(-s.listLag)) {
			found = append(found, t)
		}
	}
	newest(found)
	a := queriedList{Total: len(found), Data: []row{}, PageNo: f.page, PageSize: f.pageSize, RequestID: newID()}
	a.TotalPage = (len(found) + f.pageSize - 1) / f.pageSize
	if first := (f.page - 1) * f.pageSize; f.page <= a.TotalPage {
		for _, t := range found[first:min(first+f.pageSize, len(found))] {
			a.Data = append(a.Data, s.row(c, t, now))
		}
	}
	return answerJSON(a)
}

func (f filter) takes(t *task, now time.Time) bool {
	// The ends of the window are whole seconds.
	at := t.Created.Truncate(time.Second)
	return t.exists(now) &&
		(f.id == "" || f.id == t.ID) &&
		(f.model == "" || f.model == t.Model) &&
		(f.status == "" || f.status == t.state(now)) &&
		!at.Before(f.start.Truncate(time.Second)) && !at.After(f.end)
}

func (s *Simulator) row(c *call, t *task, now time.Time) row {
	function := "text2image:image-synthesis"
	if t.Messages {
		function = "image-generation:generation"
	}
	r := row{
		APIKeyID: "150001", CallerParentID: "1000000000000001", CallerUID: "1000000000000001",
		GmtCreate: t.Created.UnixMilli(), ModelName: t.Model, Region: s.region.id, RequestID: t.RequestID,
		Status: t.state(now), TaskID: t.ID, UserAPIUniqueKey: "apikey:v1:aigc:" + function + ":" + t.Model,
	}
	if t.Foreign {
		r.APIKeyID, r.CallerUID = "150002", "1000000000000002"
	}
	switch r.Status {
	case running:
		r.StartTime = t.Scheduled.UnixMilli()
	case succeeded, failed:
		r.StartTime, r.EndTime = t.Scheduled.UnixMilli(), t.End.UnixMilli()
	case canceled:
		r.EndTime = t.Canceled.UnixMilli()
	}
	if c.fault.Kind == "lie" {
		r.TaskID = newID()
	}
	return r
}
