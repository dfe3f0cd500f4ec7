package journal

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"
)

// Task is a row. States are the words of package tasks; the journal itself gives
// a meaning to the ones named below.
type Task struct {
	ID, Upstream, Owner, Session string
	Key                          string // idempotency key, "" for none
	Fingerprint                  string
	Model                        string
	N                            int
	Request                      []byte
	SeedChosen, Sync, Foreign    bool
	State, Code, Reason          string
	Open                         bool
	Holder                       string
	Fence                        int64
	LeaseUntil                   time.Time
	Posts                        int
	NotBefore                    time.Time
	UpstreamID, RequestID        string
	Created, Sent, Deadline      time.Time
	Doubted                      time.Time
	InDoubt                      bool
	Reads                        int
	Accepted, Ended              time.Time
	Served                       time.Duration
	Looked                       time.Time
	Billed                       int
	Price                        int64
	Counted                      int
	Delivered                    time.Time
	Pictures                     []Picture
}

// Picture is a row of its own, n from 1.
type Picture struct {
	N            int
	SHA256, MIME string
	Width        int
	Height       int
	Bytes        int64
	Link         string
	LinkExpires  time.Time
	Path         string
	ActualPrompt string
	Code, Reason string
}

// The states that the journal's own rules speak of.
const (
	queued     = "QUEUED"
	submitting = "SUBMITTING"
)

// running are the states in which the service works for us.
const running = "('SUBMITTING', 'PENDING', 'RUNNING')"

const taskColumns = `id, upstream, owner, session, idem_key, fingerprint, model, n, request, seed_chosen, sync, is_foreign,
	state, code, reason, open, holder, fence, lease_until, posts, not_before, upstream_id, request_id,
	created, sent, deadline, doubted, in_doubt, reads, accepted, ended, served, looked, billed, price, counted, delivered`

const pictureColumns = `n, sha256, mime, width, height, bytes, link, link_expires, path, actual_prompt, code, reason`

// values lists the row in the order of taskColumns.
func (t *Task) values() []any {
	return []any{
		t.ID, t.Upstream, t.Owner, t.Session, nullable(t.Key), t.Fingerprint, t.Model, t.N, t.Request, t.SeedChosen, t.Sync, t.Foreign,
		t.State, t.Code, t.Reason, t.Open, t.Holder, t.Fence, ms(t.LeaseUntil), t.Posts, ms(t.NotBefore), nullable(t.UpstreamID), t.RequestID,
		ms(t.Created), ms(t.Sent), ms(t.Deadline), ms(t.Doubted), t.InDoubt, t.Reads, ms(t.Accepted), ms(t.Ended), t.Served.Milliseconds(), ms(t.Looked), t.Billed, t.Price, t.Counted, ms(t.Delivered),
	}
}

func scanTask(row interface{ Scan(...any) error }) (Task, error) {
	var t Task
	var key, upstreamID sql.NullString
	var lease, notBefore, created, sent, deadline, doubted, accepted, ended, served, looked, delivered int64
	err := row.Scan(&t.ID, &t.Upstream, &t.Owner, &t.Session, &key, &t.Fingerprint, &t.Model, &t.N, &t.Request, &t.SeedChosen, &t.Sync, &t.Foreign,
		&t.State, &t.Code, &t.Reason, &t.Open, &t.Holder, &t.Fence, &lease, &t.Posts, &notBefore, &upstreamID, &t.RequestID,
		&created, &sent, &deadline, &doubted, &t.InDoubt, &t.Reads, &accepted, &ended, &served, &looked, &t.Billed, &t.Price, &t.Counted, &delivered)
	if err != nil {
		return Task{}, err
	}
	t.Key, t.UpstreamID = key.String, upstreamID.String
	t.LeaseUntil, t.NotBefore, t.Created, t.Sent, t.Deadline = at(lease), at(notBefore), at(created), at(sent), at(deadline)
	t.Doubted, t.Accepted, t.Ended, t.Looked, t.Delivered = at(doubted), at(accepted), at(ended), at(looked), at(delivered)
	t.Served = time.Duration(served) * time.Millisecond
	return t, nil
}

type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// one reads the task that the condition selects, with its pictures.
func one(ctx context.Context, q querier, where string, args ...any) (Task, error) {
	t, err := scanTask(q.QueryRowContext(ctx, "SELECT "+taskColumns+" FROM task WHERE "+where, args...))
	if errors.Is(err, sql.ErrNoRows) {
		return Task{}, ErrNotFound
	}
	if err != nil {
		return Task{}, explain(err)
	}
	t.Pictures, err = pictures(ctx, q, t.ID)
	return t, err
}

// many reads the tasks that the condition selects, with their pictures.
func many(ctx context.Context, q querier, where string, args ...any) ([]Task, error) {
	tasks, err := collect(ctx, q, scanTask, "SELECT "+taskColumns+" FROM task WHERE "+where, args...)
	for i := range tasks {
		if err == nil {
			tasks[i].Pictures, err = pictures(ctx, q, tasks[i].ID)
		}
	}
	return tasks, err
}

func pictures(ctx context.Context, q querier, task string) ([]Picture, error) {
	return collect(ctx, q, scanPicture, "SELECT "+pictureColumns+" FROM picture WHERE task = ? ORDER BY n", task)
}

func scanPicture(row interface{ Scan(...any) error }) (Picture, error) {
	var p Picture
	var expires int64
	err := row.Scan(&p.N, &p.SHA256, &p.MIME, &p.Width, &p.Height, &p.Bytes, &p.Link, &expires, &p.Path, &p.ActualPrompt, &p.Code, &p.Reason)
	p.LinkExpires = at(expires)
	return p, err
}

func collect[T any](ctx context.Context, q querier, scan func(interface{ Scan(...any) error }) (T, error), query string, args ...any) (all []T, err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, explain(err)
	}
	defer func() { err = errors.Join(err, explain(rows.Close())) }()
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, explain(err)
		}
		all = append(all, v)
	}
	return all, explain(rows.Err())
}

var taskMarks = "(?" + strings.Repeat(", ?", strings.Count(taskColumns, ",")) + ")"

func insertTask(ctx context.Context, tx *sql.Tx, t *Task) error {
	if _, err := tx.ExecContext(ctx, "INSERT INTO task ("+taskColumns+") VALUES "+taskMarks, t.values()...); err != nil {
		return explain(err)
	}
	return savePictures(ctx, tx, t)
}

func updateTask(ctx context.Context, tx *sql.Tx, t *Task) error {
	if _, err := tx.ExecContext(ctx, "UPDATE task SET ("+taskColumns+") = "+taskMarks+" WHERE id = ?1", t.values()...); err != nil {
		return explain(err)
	}
	return savePictures(ctx, tx, t)
}

func savePictures(ctx context.Context, tx *sql.Tx, t *Task) error {
	for _, p := range t.Pictures {
		_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO picture (task, "+pictureColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			t.ID, p.N, p.SHA256, p.MIME, p.Width, p.Height, p.Bytes, p.Link, ms(p.LinkExpires), p.Path, p.ActualPrompt, p.Code, p.Reason)
		if err != nil {
			return explain(err)
		}
	}
	return nil
}

func nullable(s string) sql.NullString { return sql.NullString{String: s, Valid: s != ""} }

func ms(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func at(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}
