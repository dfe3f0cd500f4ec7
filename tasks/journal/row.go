package journal

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"
)

// Task is a row. States are the words of package tasks; the journal itself gives
// a meaning to the ones named below.
type Task struct {
	ID, Upstream, Owner       string
	Session                   string // takes turns with all others, of every process
	Key                       string // idempotency key, "" for none
	Fingerprint               string
	Model                     string
	N                         int
	Request                   []byte
	SeedChosen, Sync, Foreign bool
	State, Code, Reason       string
	Open                      bool
	Holder                    string
	Fence                     int64
	LeaseUntil                time.Time
	Posts                     int
	NotBefore                 time.Time
	UpstreamID, RequestID     string
	Created, Sent, Deadline   time.Time
	ClockAhead                time.Duration // how far the service's clock was ahead when it was sent
	ClockKnown                bool
	Doubted                   time.Time
	InDoubt                   bool
	Reads                     int
	Accepted, Ended           time.Time
	Served                    time.Duration
	Looked                    time.Time
	Billed                    int
	Price                     int64
	Counted                   int
	Delivered                 time.Time
	Pictures                  []Picture
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

// farAhead is further ahead than any time that is written here to wait for: a
// lease, a pace, a task's own pause. What lies beyond it was written before the
// clock was set back, and must not be waited for.
const farAhead = 2 * time.Minute

// The states that the journal's own rules speak of.
const (
	queued     = "QUEUED"
	submitting = "SUBMITTING"
)

// running are the states in which the service works for us.
const running = "('SUBMITTING', 'PENDING', 'RUNNING')"

// What a row is and what changes in its life.
const (
	fixedColumns   = `id, upstream, owner, fingerprint, created`
	changedColumns = `session, idem_key, model, n, request, seed_chosen, sync, is_foreign,
	state, code, reason, open, holder, fence, lease_until, posts, not_before, upstream_id, request_id,
	sent, deadline, clock_ahead, doubted, in_doubt, reads, accepted, ended, served, looked, billed, price, counted, delivered`
	taskColumns    = fixedColumns + ", " + changedColumns
	pictureColumns = `n, sha256, mime, width, height, bytes, link, link_expires, path, actual_prompt, code, reason`
)

func (t *Task) fixed() []any {
	return []any{t.ID, t.Upstream, t.Owner, t.Fingerprint, ms(t.Created)}
}

func (t *Task) changed() []any {
	return []any{
		t.Session, nullable(t.Key), t.Model, t.N, t.Request, t.SeedChosen, t.Sync, t.Foreign,
		t.State, t.Code, t.Reason, t.Open, t.Holder, t.Fence, ms(t.LeaseUntil), t.Posts, ms(t.NotBefore), nullable(t.UpstreamID), t.RequestID,
		ms(t.Sent), ms(t.Deadline),
		sql.NullInt64{Int64: t.ClockAhead.Milliseconds(), Valid: t.ClockKnown},
		ms(t.Doubted), t.InDoubt, t.Reads, ms(t.Accepted), ms(t.Ended), t.Served.Milliseconds(), ms(t.Looked), t.Billed, t.Price, t.Counted, ms(t.Delivered),
	}
}

func scanTask(row scanner) (Task, error) {
	var t Task
	var key, upstreamID sql.NullString
	var ahead sql.NullInt64
	var lease, notBefore, created, sent, deadline, doubted, accepted, ended, served, looked, delivered int64
	err := row.Scan(&t.ID, &t.Upstream, &t.Owner, &t.Fingerprint, &created,
		&t.Session, &key, &t.Model, &t.N, &t.Request, &t.SeedChosen, &t.Sync, &t.Foreign,
		&t.State, &t.Code, &t.Reason, &t.Open, &t.Holder, &t.Fence, &lease, &t.Posts, &notBefore, &upstreamID, &t.RequestID,
		&sent, &deadline, &ahead, &doubted, &t.InDoubt, &t.Reads, &accepted, &ended, &served, &looked, &t.Billed, &t.Price, &t.Counted, &delivered)
	if err != nil {
		return Task{}, err
	}
	t.Key, t.UpstreamID = key.String, upstreamID.String
	t.ClockAhead, t.ClockKnown = time.Duration(ahead.Int64)*time.Millisecond, ahead.Valid
	t.LeaseUntil, t.NotBefore, t.Created, t.Sent, t.Deadline = at(lease), at(notBefore), at(created), at(sent), at(deadline)
	t.Doubted, t.Accepted, t.Ended, t.Looked, t.Delivered = at(doubted), at(accepted), at(ended), at(looked), at(delivered)
	t.Served = time.Duration(served) * time.Millisecond
	return t, nil
}

// one reads the task that the condition selects, with its pictures.
func one(ctx context.Context, tx *sql.Tx, where string, args ...any) (Task, error) {
	t, err := scanTask(tx.QueryRowContext(ctx, "SELECT "+taskColumns+" FROM task WHERE "+where, args...))
	if errors.Is(err, sql.ErrNoRows) {
		return Task{}, ErrNotFound
	}
	if err != nil {
		return Task{}, err
	}
	t.Pictures, err = pictures(ctx, tx, t.ID)
	return t, err
}

// openTasks is where to look for tasks with work to do. Left to itself SQLite would
// rather go through all that was ever kept.
const openTasks = "task INDEXED BY task_open WHERE open = 1"

// many reads the tasks that are to be found there, with their pictures.
func many(ctx context.Context, tx *sql.Tx, from string, args ...any) ([]Task, error) {
	tasks, err := collect(ctx, tx, scanTask, "SELECT "+taskColumns+" FROM "+from, args...)
	if err != nil || len(tasks) == 0 {
		return nil, err
	}
	owned, err := collect(ctx, tx, scanOwned, "SELECT task, "+pictureColumns+" FROM picture WHERE task IN (SELECT id FROM "+from+")", args...)
	if err != nil {
		return nil, err
	}
	of := map[string][]Picture{}
	for _, p := range owned {
		of[p.task] = append(of[p.task], p.Picture)
	}
	for i := range tasks {
		tasks[i].Pictures = of[tasks[i].ID]
		slices.SortFunc(tasks[i].Pictures, func(a, b Picture) int { return a.N - b.N })
	}
	return tasks, nil
}

func pictures(ctx context.Context, tx *sql.Tx, task string) ([]Picture, error) {
	return collect(ctx, tx, scanPicture, "SELECT "+pictureColumns+" FROM picture WHERE task = ? ORDER BY n", task)
}

// ownedPicture is a picture with its task.
type ownedPicture struct {
	task string
	Picture
}

func scanOwned(row scanner) (p ownedPicture, err error) {
	p.Picture, err = scanPicture(prefixed{row, &p.task})
	return p, err
}

// prefixed scans one column before the others.
type prefixed struct {
	row   scanner
	first any
}

func (p prefixed) Scan(into ...any) error { return p.row.Scan(append([]any{p.first}, into...)...) }

type scanner interface{ Scan(into ...any) error }

func scanPicture(row scanner) (Picture, error) {
	var p Picture
	var expires int64
	err := row.Scan(&p.N, &p.SHA256, &p.MIME, &p.Width, &p.Height, &p.Bytes, &p.Link, &expires, &p.Path, &p.ActualPrompt, &p.Code, &p.Reason)
	p.LinkExpires = at(expires)
	return p, err
}

func scanString(row scanner) (s string, err error) { return s, row.Scan(&s) }

func collect[T any](ctx context.Context, tx *sql.Tx, scan func(scanner) (T, error), query string, args ...any) (all []T, err error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

// marks is a placeholder for each of the columns.
func marks(columns string) string {
	return "(?" + strings.Repeat(", ?", strings.Count(columns, ",")) + ")"
}

// insertTask writes a new row, behind those that have arrived before it.
func insertTask(ctx context.Context, tx *sql.Tx, t *Task) error {
	var turns int64
	err := tx.QueryRowContext(ctx, "SELECT turns FROM pace WHERE upstream = ? AND model = ?", t.Upstream, t.Model).Scan(&turns)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	args := append(append([]any{turns}, t.fixed()...), t.changed()...)
	_, err = tx.ExecContext(ctx, "INSERT INTO task (arrived, "+taskColumns+") VALUES "+marks(","+taskColumns), args...)
	if err != nil {
		return err
	}
	return savePictures(ctx, tx, t)
}

// updateTask writes what may have changed: the large indexes are not touched.
func updateTask(ctx context.Context, tx *sql.Tx, t *Task) error {
	_, err := tx.ExecContext(ctx, "UPDATE task SET ("+changedColumns+") = "+marks(changedColumns)+" WHERE id = ?", append(t.changed(), t.ID)...)
	if err != nil {
		return err
	}
	return savePictures(ctx, tx, t)
}

func savePictures(ctx context.Context, tx *sql.Tx, t *Task) error {
	for _, p := range t.Pictures {
		_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO picture (task, "+pictureColumns+") VALUES "+marks(","+pictureColumns),
			t.ID, p.N, p.SHA256, p.MIME, p.Width, p.Height, p.Bytes, p.Link, ms(p.LinkExpires), p.Path, p.ActualPrompt, p.Code, p.Reason)
		if err != nil {
			return err
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
