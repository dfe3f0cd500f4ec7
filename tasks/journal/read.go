package journal

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// Task reads one task by our id.
func (j *Journal) Task(ctx context.Context, id string) (Task, error) {
	return j.task(ctx, "id = ?", id)
}

// ByUpstreamID reads one task by the service's id.
func (j *Journal) ByUpstreamID(ctx context.Context, upstream, id string) (Task, error) {
	return j.task(ctx, "upstream = ? AND upstream_id = ?", upstream, id)
}

// Recent reads an owner's newest tasks, newest first.
func (j *Journal) Recent(ctx context.Context, upstream, owner string, limit int) ([]Task, error) {
	return j.tasks(ctx, "task WHERE upstream = ? AND owner = ? ORDER BY created DESC, rowid DESC LIMIT ?", upstream, owner, limit)
}

// OpenTasks reads every task with work to do, in the order of their arrival.
func (j *Journal) OpenTasks(ctx context.Context, upstream string) ([]Task, error) {
	return j.tasks(ctx, openTasks+" AND upstream = ? ORDER BY rowid", upstream)
}

// OpenElsewhere reads the tasks with work to do of every other upstream whose name
// begins with address, in the order of their arrival.
func (j *Journal) OpenElsewhere(ctx context.Context, upstream, address string) ([]Task, error) {
	return j.tasks(ctx, openTasks+" AND upstream <> ? AND substr(upstream, 1, length(?)) = ? ORDER BY rowid", upstream, address, address)
}

// InDoubt reads the tasks of a model whose submission nobody knows the outcome of.
func (j *Journal) InDoubt(ctx context.Context, upstream, model string) ([]Task, error) {
	return j.tasks(ctx, openTasks+" AND upstream = ? AND model = ? AND state = 'UNKNOWN' AND sync = 0 ORDER BY sent, rowid", upstream, model)
}

// Queued reports which models have tasks of the process in line.
func (j *Journal) Queued(ctx context.Context, upstream, process string) ([]string, error) {
	return list(ctx, j, scanString, "SELECT DISTINCT model FROM "+openTasks+" AND upstream = ? AND state = '"+queued+"' AND holder = ?",
		upstream, process)
}

// Served reads how long the service took for the newest tasks of a model, oldest first.
func (j *Journal) Served(ctx context.Context, upstream, model string, limit int) ([]time.Duration, error) {
	return list(ctx, j, scanDuration, `SELECT served FROM (SELECT served, ended FROM task
		WHERE upstream = ? AND model = ? AND served > 0 ORDER BY ended DESC LIMIT ?) ORDER BY ended`, upstream, model, limit)
}

func scanDuration(row scanner) (time.Duration, error) {
	var millis int64
	err := row.Scan(&millis)
	return time.Duration(millis) * time.Millisecond, err
}

// Changed is a number that differs when another process has written since; what
// this Journal writes does not change it.
func (j *Journal) Changed(ctx context.Context) (version int64, err error) {
	err = patiently(ctx, func() (err error) {
		conn, err := j.write.Conn(ctx)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, conn.Close()) }()
		return conn.QueryRowContext(context.WithoutCancel(ctx), "PRAGMA data_version").Scan(&version)
	})
	return version, explain(err)
}

// Evictable lists the hashes of pictures that were delivered and that no
// undelivered or open task needs, the oldest delivery first.
func (j *Journal) Evictable(ctx context.Context, limit int) ([]string, error) {
	return list(ctx, j, scanString, `SELECT sha256 FROM picture JOIN task ON task.id = picture.task
		WHERE sha256 <> '' GROUP BY sha256
		HAVING MIN(delivered) > 0 AND MAX(open) = 0 ORDER BY MAX(delivered) LIMIT ?`, limit)
}

// Keeps reports whether any task has a picture with that hash on disk.
func (j *Journal) Keeps(ctx context.Context, sha256 string) (kept bool, err error) {
	err = j.view(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM picture WHERE sha256 <> '' AND sha256 = ?)", sha256).Scan(&kept)
	})
	return kept, err
}

// Evict forgets the bytes of a picture wherever they were kept, and notes why, as a
// code and in words.
// It fails with [ErrNeeded] when a task has come to need them since [Journal.Evictable].
func (j *Journal) Evict(ctx context.Context, sha256, code, reason string) error {
	return j.update(ctx, func(ctx context.Context, tx *sql.Tx) error {
		var needed bool
		err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM picture JOIN task ON task.id = picture.task
			WHERE sha256 <> '' AND sha256 = ? AND (delivered = 0 OR open = 1))`, sha256).Scan(&needed)
		if err != nil {
			return err
		}
		if needed {
			return ErrNeeded
		}
		_, err = tx.ExecContext(ctx, "UPDATE picture SET sha256 = '', code = ?, reason = ? WHERE sha256 <> '' AND sha256 = ?", code, reason, sha256)
		return err
	})
}

func (j *Journal) task(ctx context.Context, where string, args ...any) (t Task, err error) {
	err = j.view(ctx, func(ctx context.Context, tx *sql.Tx) error {
		t, err = one(ctx, tx, where, args...)
		return err
	})
	return t, err
}

func (j *Journal) tasks(ctx context.Context, from string, args ...any) (all []Task, err error) {
	err = j.view(ctx, func(ctx context.Context, tx *sql.Tx) error {
		all, err = many(ctx, tx, from, args...)
		return err
	})
	return all, err
}

func list[T any](ctx context.Context, j *Journal, scan func(scanner) (T, error), query string, args ...any) (all []T, err error) {
	err = j.view(ctx, func(ctx context.Context, tx *sql.Tx) error {
		all, err = collect(ctx, tx, scan, query, args...)
		return err
	})
	return all, err
}
