package journal

import (
	"context"
	"database/sql"
	"time"
)

// Task reads one task by our id.
func (j *Journal) Task(ctx context.Context, id string) (Task, error) {
	return one(ctx, j.read, "id = ?", id)
}

// ByUpstreamID reads one task by the service's id.
func (j *Journal) ByUpstreamID(ctx context.Context, upstream, id string) (Task, error) {
	return one(ctx, j.read, "upstream = ? AND upstream_id = ?", upstream, id)
}

// Recent reads an owner's newest tasks, newest first.
func (j *Journal) Recent(ctx context.Context, upstream, owner string, limit int) ([]Task, error) {
	return many(ctx, j.read, "upstream = ? AND owner = ? ORDER BY created DESC, id LIMIT ?", upstream, owner, limit)
}

// OpenTasks reads every task with work to do, oldest first.
func (j *Journal) OpenTasks(ctx context.Context, upstream string) ([]Task, error) {
	return many(ctx, j.read, "open = 1 AND upstream = ? ORDER BY created, id", upstream)
}

// OthersOpen reads the open tasks that the process does not hold, oldest first.
func (j *Journal) OthersOpen(ctx context.Context, upstream, process string) ([]Task, error) {
	return many(ctx, j.read, "open = 1 AND upstream = ? AND holder <> ? ORDER BY created, id", upstream, process)
}

// InDoubt reads the tasks of a model whose submission nobody knows the outcome of.
func (j *Journal) InDoubt(ctx context.Context, upstream, model string) ([]Task, error) {
	return many(ctx, j.read, "open = 1 AND upstream = ? AND model = ? AND state = 'UNKNOWN' AND sync = 0 ORDER BY sent, id", upstream, model)
}

// Queued reports which models have tasks of the process in line.
func (j *Journal) Queued(ctx context.Context, upstream, process string) ([]string, error) {
	return collect(ctx, j.read, scanString, "SELECT DISTINCT model FROM task WHERE open = 1 AND upstream = ? AND state = '"+queued+"' AND holder = ?",
		upstream, process)
}

// Served reads how long the service took for the newest tasks of a model, oldest first.
func (j *Journal) Served(ctx context.Context, upstream, model string, limit int) ([]time.Duration, error) {
	return collect(ctx, j.read, scanDuration, `SELECT served FROM (SELECT served, ended FROM task
		WHERE upstream = ? AND model = ? AND served > 0 ORDER BY ended DESC LIMIT ?) ORDER BY ended`, upstream, model, limit)
}

func scanDuration(row interface{ Scan(...any) error }) (time.Duration, error) {
	var millis int64
	err := row.Scan(&millis)
	return time.Duration(millis) * time.Millisecond, err
}

// Changed is a number that differs when another process has written since.
func (j *Journal) Changed(ctx context.Context) (version int64, err error) {
	err = j.write.QueryRowContext(ctx, "PRAGMA data_version").Scan(&version)
	return version, explain(err)
}

// Evictable lists the hashes of pictures that were delivered and that no
// undelivered task needs, the oldest delivery first.
func (j *Journal) Evictable(ctx context.Context, limit int) ([]string, error) {
	return collect(ctx, j.read, scanString, `SELECT sha256 FROM picture JOIN task ON task.id = picture.task
		WHERE sha256 <> '' GROUP BY sha256
		HAVING MIN(delivered) > 0 AND MAX(open) = 0 ORDER BY MAX(delivered) LIMIT ?`, limit)
}

// Evict forgets the bytes of a picture wherever they were kept, and notes why.
func (j *Journal) Evict(ctx context.Context, sha256, reason string) error {
	return j.update(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE picture SET sha256 = '', reason = ? WHERE sha256 = ?", reason, sha256)
		return explain(err)
	})
}
