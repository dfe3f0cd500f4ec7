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
	Now             time.Time     // when Submit is called; it adds the time that it waits for other processes
	Deadline        time.Time     // when a POST that starts at Now is given up; shifted likewise
	ClockAhead      time.Duration // how far the service's clock is ahead of Now's
	ClockKnown      bool
}

// Pass is the answer of the gate.
type Pass struct {
	Task *Task         // SUBMITTING now, durably; nil when nothing may go
	Wait time.Duration // when only the pace is in the way: how long; else 0
}

// inLine are the queued tasks of a model (?1, ?2) that may go at a time (?3).
// Those that must not go yet and those of a process that is gone are not in line.
// ?4 is farAhead. Sessions take turns: a task stands where its session's last
// turn or its own arrival put it, whichever came later (since). So a newcomer
// waits at most one turn of each other session, and nobody is overtaken by
// newcomers for ever.
const inLine = `
(SELECT task.id, task.holder, task.session, task.rowid AS arrival, COALESCE(last, 0) AS last, MAX(arrived, COALESCE(last, 0)) AS since
FROM task INDEXED BY task_open LEFT JOIN turn USING (upstream, model, session)
WHERE open = 1 AND upstream = ?1 AND model = ?2 AND state = 'QUEUED'
	AND (not_before <= ?3 OR not_before > ?3 + ?4) AND lease_until > ?3 AND lease_until <= ?3 + ?4)`

// head is who goes next: always the first one of its session to have arrived.
const head = "SELECT id, holder FROM " + inLine + " ORDER BY since, last, arrival LIMIT 1"

// place is what will have become of the order when a task's turn comes: all
// sessions' first tasks go before the second ones.
const place = `
SELECT place FROM
	(SELECT id, ROW_NUMBER() OVER (ORDER BY round, since, last, arrival) AS place FROM
		(SELECT *, ROW_NUMBER() OVER (PARTITION BY session ORDER BY arrival) AS round FROM ` + inLine + `))
WHERE id = ?5`

// Submit lets the first task in line through the gate, if it is the asking
// process's and nothing is in the way: the running limit, the pace, a submission
// of the same model that is under way or whose outcome is in doubt (so that the
// windows in which two lost answers are searched never overlap). The task is
// SUBMITTING, durably, when Submit returns.
func (j *Journal) Submit(ctx context.Context, g Gate) (pass Pass, err error) {
	called := time.Now()
	err = j.update(ctx, func(ctx context.Context, tx *sql.Tx) error {
		waited := time.Since(called)
		g.Now, g.Deadline = g.Now.Add(waited), g.Deadline.Add(waited)
		next, free, err := gate(ctx, tx, g)
		if err != nil || !free {
			return errors.Join(err, errNothing)
		}
		var id, holder string
		err = tx.QueryRowContext(ctx, head, g.Upstream, g.Model, ms(g.Now), farAhead.Milliseconds()).Scan(&id, &holder)
		if errors.Is(err, sql.ErrNoRows) || (err == nil && holder != g.Holder) {
			return errNothing
		}
		if err != nil {
			return err
		}
		if next.After(g.Now.Add(farAhead)) { // the clock was set back
			pass.Wait = g.Spacing
			return setPace(ctx, tx, g)
		}
		if next.After(g.Now) {
			pass.Wait = next.Sub(g.Now)
			return errNothing
		}
		pass.Task, err = submit(ctx, tx, g, id)
		return err
	})
	if errors.Is(err, errNothing) {
		return pass, nil
	}
	if err != nil {
		return Pass{}, err
	}
	return pass, nil
}

// errNothing rolls a transaction back that has nothing to write.
var errNothing = errors.New("nothing to write")

// gate tells when the pace lets the next submission through, and whether
// anything else is in its way.
func gate(ctx context.Context, tx *sql.Tx, g Gate) (next time.Time, free bool, err error) {
	var blocked, inFlight int
	err = tx.QueryRowContext(ctx, `SELECT COALESCE(SUM(state = 'SUBMITTING' AND sync = 0 OR state = 'UNKNOWN' AND in_doubt), 0), COALESCE(SUM(state IN `+running+`), 0)
		FROM `+openTasks+` AND upstream = ? AND model = ? AND is_foreign = 0`, g.Upstream, g.Model).Scan(&blocked, &inFlight)
	if err != nil {
		return time.Time{}, false, err
	}
	var millis int64
	var refuses bool
	err = tx.QueryRowContext(ctx, "SELECT next_at, refuse_excess FROM pace WHERE upstream = ? AND model = ?", g.Upstream, g.Model).Scan(&millis, &refuses)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, false, err
	}
	most := 2 * g.Running // what is beyond the running limit waits at the service
	if refuses {
		most = g.Running
	}
	return at(millis), blocked == 0 && inFlight < most, nil
}

// submit gives the task its turn.
func submit(ctx context.Context, tx *sql.Tx, g Gate, id string) (*Task, error) {
	t, err := one(ctx, tx, "id = ?", id)
	if err != nil {
		return nil, err
	}
	t.State, t.Sent, t.Deadline, t.Posts = submitting, g.Now, g.Deadline, t.Posts+1
	t.ClockAhead, t.ClockKnown = g.ClockAhead, g.ClockKnown
	if err := updateTask(ctx, tx, &t); err != nil {
		return nil, err
	}
	if err := setPace(ctx, tx, g); err != nil {
		return nil, err
	}
	_, err = tx.ExecContext(ctx, `INSERT OR REPLACE INTO turn (upstream, model, session, last)
		SELECT upstream, model, ?3, turns FROM pace WHERE upstream = ?1 AND model = ?2`, g.Upstream, g.Model, t.Session)
	if err != nil {
		return nil, err
	}
	// A session that has left the line starts anew when it comes again.
	_, err = tx.ExecContext(ctx, `DELETE FROM turn WHERE upstream = ?1 AND model = ?2 AND session NOT IN
		(SELECT session FROM `+openTasks+` AND upstream = ?1 AND model = ?2 AND state = 'QUEUED')`, g.Upstream, g.Model)
	return &t, err
}

// setPace keeps the next submission of the model away for the spacing, and
// counts a turn.
func setPace(ctx context.Context, tx *sql.Tx, g Gate) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO pace (upstream, model, next_at, turns) VALUES (?, ?, ?, 1)
		ON CONFLICT DO UPDATE SET next_at = excluded.next_at, turns = turns + 1`, g.Upstream, g.Model, ms(g.Now.Add(g.Spacing)))
	return err
}

// SlowDown holds every process's submissions of the model until then, at most
// two minutes from now; refusesExcess notes that the service refuses what is
// beyond its running limit.
func (j *Journal) SlowDown(ctx context.Context, upstream, model string, until time.Time, refusesExcess bool) error {
	return j.update(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO pace (upstream, model, next_at, refuse_excess) VALUES (?1, ?2, ?3, ?4)
			ON CONFLICT DO UPDATE SET next_at = MAX(next_at, ?3), refuse_excess = refuse_excess OR ?4`, upstream, model, ms(until), refusesExcess)
		return err
	})
}

// Place is the task's place in line, from 1, or 0 when it is not in line.
func (j *Journal) Place(ctx context.Context, upstream, model, id string, now time.Time) (n int, err error) {
	err = j.view(ctx, func(ctx context.Context, tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, place, upstream, model, ms(now), farAhead.Milliseconds(), id).Scan(&n)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	return n, err
}
