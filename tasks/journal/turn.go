package journal

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// Gate is what a submission of one model has to pass.
type Gate struct {
	Upstream, Model string
	Holder          string        // the process that asks
	Spacing         time.Duration // between two submissions
	Running         int           // tasks that the service runs at once
	Now             time.Time
	Deadline        time.Time // when a POST that starts now is given up
}

// Pass is the answer of the gate.
type Pass struct {
	Task *Task         // SUBMITTING now, durably; nil when nothing may go
	Wait time.Duration // when only the pace is in the way: how long; else 0
}

// inLine orders the queued tasks of a model: sessions take turns, counting what
// the service already does for each.
const inLine = `
WITH line AS (
  SELECT id, session, holder, created, ROW_NUMBER() OVER (PARTITION BY session ORDER BY created, id) AS turn
  FROM task WHERE open = 1 AND upstream = ?1 AND model = ?2 AND state = 'QUEUED' AND not_before <= ?3 AND lease_until > ?3
), busy AS (
  SELECT session, COUNT(*) AS n FROM task
  WHERE open = 1 AND upstream = ?1 AND model = ?2 AND state IN ` + running + ` GROUP BY session
), ordered AS (
  SELECT id, holder, ROW_NUMBER() OVER (ORDER BY turn + COALESCE(n, 0), created, id) AS place
  FROM line LEFT JOIN busy USING (session)
)`

// Submit lets the first task in line through the gate, if it is the asking
// process's and nothing is in the way: the running limit, the pace, a submission
// of the same model that is under way or whose outcome is in doubt (so that the
// windows in which two lost answers are searched never overlap). The task is
// SUBMITTING, durably, when Submit returns.
func (j *Journal) Submit(ctx context.Context, g Gate) (pass Pass, err error) {
	err = j.update(ctx, func(tx *sql.Tx) error {
		free, wait, err := gateFree(ctx, tx, g)
		if err != nil || !free {
			return errors.Join(err, errNothing)
		}
		var id, holder string
		err = tx.QueryRowContext(ctx, inLine+" SELECT id, holder FROM ordered WHERE place = 1", g.Upstream, g.Model, ms(g.Now)).Scan(&id, &holder)
		if errors.Is(err, sql.ErrNoRows) || (err == nil && holder != g.Holder) {
			return errNothing
		}
		if err != nil {
			return explain(err)
		}
		if wait > 0 {
			pass.Wait = wait
			return errNothing
		}
		t, err := one(ctx, tx, "id = ?", id)
		if err != nil {
			return err
		}
		t.State, t.Sent, t.Deadline, t.Posts = submitting, g.Now, g.Deadline, t.Posts+1
		if err := updateTask(ctx, tx, &t); err != nil {
			return err
		}
		pass.Task = &t
		return paceUntil(ctx, tx, g.Upstream, g.Model, g.Now.Add(g.Spacing))
	})
	if errors.Is(err, errNothing) {
		err = nil
	}
	return pass, err
}

// errNothing rolls a transaction back that has nothing to write.
var errNothing = errors.New("nothing to write")

// gateFree reports whether a submission may start, after waiting for the pace.
func gateFree(ctx context.Context, tx *sql.Tx, g Gate) (free bool, wait time.Duration, err error) {
	var blocked, inFlight int
	err = tx.QueryRowContext(ctx, `SELECT COALESCE(SUM(state = 'SUBMITTING' OR in_doubt), 0), COALESCE(SUM(state IN `+running+`), 0)
		FROM task WHERE open = 1 AND upstream = ? AND model = ? AND is_foreign = 0`, g.Upstream, g.Model).Scan(&blocked, &inFlight)
	if err != nil {
		return false, 0, explain(err)
	}
	var next int64
	var refuses bool
	err = tx.QueryRowContext(ctx, "SELECT next_at, refuse_excess FROM pace WHERE upstream = ? AND model = ?", g.Upstream, g.Model).Scan(&next, &refuses)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return false, 0, explain(err)
	}
	most := 2 * g.Running // what is beyond the running limit waits at the service
	if refuses {
		most = g.Running
	}
	// A clock that was set back must not hold the queue for as long as the jump.
	wait = min(at(next).Sub(g.Now), maxPause)
	return blocked == 0 && inFlight < most, max(wait, 0), nil
}

// maxPause bounds how long a pace can hold a model.
const maxPause = 2 * time.Minute

func paceUntil(ctx context.Context, tx *sql.Tx, upstream, model string, next time.Time) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO pace (upstream, model, next_at) VALUES (?, ?, ?)
		ON CONFLICT DO UPDATE SET next_at = excluded.next_at`, upstream, model, ms(next))
	return explain(err)
}

// SlowDown holds every process's submissions of the model until then;
// refusesExcess notes that the service refuses what is beyond its running limit.
func (j *Journal) SlowDown(ctx context.Context, upstream, model string, until time.Time, refusesExcess bool) error {
	return j.update(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO pace (upstream, model, next_at, refuse_excess) VALUES (?1, ?2, ?3, ?4)
			ON CONFLICT DO UPDATE SET next_at = MAX(next_at, ?3), refuse_excess = refuse_excess OR ?4`, upstream, model, ms(until), refusesExcess)
		return explain(err)
	})
}

// Place is the task's place in line, from 1, or 0 when it is not waiting.
func (j *Journal) Place(ctx context.Context, upstream, model, id string, now time.Time) (place int, err error) {
	err = j.read.QueryRowContext(ctx, inLine+" SELECT place FROM ordered WHERE id = ?4", upstream, model, ms(now), id).Scan(&place)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return place, explain(err)
}
