package journal

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"
)

// Intent is an order before it is in the journal.
type Intent struct {
	Task    Task
	Process string // whose live request asks for it
	// Adoptable is how far back the same arguments without a key find an earlier
	// order that nobody waits on and nobody was given.
	Adoptable time.Time
	Budget    int       // pictures a day, 0 for no limit
	Day       time.Time // when the day began
	Alive     func(process string) bool
	// OnlyRepeat finds earlier orders and accepts no new one: [ErrNotFound] then.
	OnlyRepeat bool
}

// Order writes the intent as a queued task, or finds the earlier task that it
// repeats. Either way the process's request counts as one that waits on it. A
// refused order leaves nothing behind, so its key is free.
func (j *Journal) Order(ctx context.Context, in Intent) (t Task, found bool, err error) {
	err = j.update(ctx, func(ctx context.Context, tx *sql.Tx) error {
		earlier, err := repeated(ctx, tx, in)
		switch {
		case err == nil:
			t, found = earlier, true
		case !errors.Is(err, ErrNotFound) || in.OnlyRepeat:
			return err
		default:
			if err := withinBudget(ctx, tx, in); err != nil {
				return err
			}
			t = in.Task
			t.State, t.Open = queued, true
			if err := insertTask(ctx, tx, &t); err != nil {
				return err
			}
		}
		return attend(ctx, tx, t.ID, in.Process, 1)
	})
	if err != nil {
		return Task{}, false, err
	}
	return t, found, nil
}

// repeated finds the task that the intent repeats, or ErrNotFound.
func repeated(ctx context.Context, tx *sql.Tx, in Intent) (Task, error) {
	want := in.Task
	if want.Key != "" {
		t, err := one(ctx, tx, "upstream = ? AND owner = ? AND idem_key = ?", want.Upstream, want.Owner, want.Key)
		if err == nil && t.Fingerprint != want.Fingerprint {
			return Task{}, ErrKeyReused
		}
		return t, err
	}
	same, err := many(ctx, tx, `task WHERE upstream = ? AND owner = ? AND fingerprint = ? AND created >= ? AND delivered = 0
		AND state NOT IN ('FAILED', 'CANCELED', 'NOT_SUBMITTED', 'EXPIRED') ORDER BY created, rowid`,
		want.Upstream, want.Owner, want.Fingerprint, ms(in.Adoptable))
	if err != nil {
		return Task{}, err
	}
	for _, t := range same {
		attended, err := attended(ctx, tx, t.ID, in.Alive)
		if err != nil {
			return Task{}, err
		}
		if !attended {
			return t, nil
		}
	}
	return Task{}, ErrNotFound
}

// attended reports whether a live request of a living process waits on the task.
func attended(ctx context.Context, tx *sql.Tx, task string, alive func(string) bool) (bool, error) {
	processes, err := collect(ctx, tx, scanString, "SELECT process FROM attendance WHERE task = ?", task)
	return slices.ContainsFunc(processes, alive), err
}

func withinBudget(ctx context.Context, tx *sql.Tx, in Intent) error {
	if in.Budget <= 0 {
		return nil
	}
	spent, _, err := spent(ctx, tx, in.Task.Upstream, in.Day)
	if err != nil {
		return err
	}
	if spent+in.Task.Counted > in.Budget {
		return &OverBudgetError{Asked: in.Task.Counted, Left: max(in.Budget-spent, 0), Limit: in.Budget}
	}
	return nil
}

// Spent counts the pictures bought or reserved since then, and their price in
// millionths of a yuan.
func (j *Journal) Spent(ctx context.Context, upstream string, since time.Time) (count int, price int64, err error) {
	err = j.view(ctx, func(ctx context.Context, tx *sql.Tx) error {
		count, price, err = spent(ctx, tx, upstream, since)
		return err
	})
	return count, price, err
}

func spent(ctx context.Context, tx *sql.Tx, upstream string, since time.Time) (count int, price int64, err error) {
	err = tx.QueryRowContext(ctx, "SELECT COALESCE(SUM(counted), 0), COALESCE(SUM(counted * price), 0) FROM task WHERE upstream = ? AND created >= ?",
		upstream, ms(since)).Scan(&count, &price)
	return count, price, err
}

// Attend counts one more (+1) or one less (-1) live request of the process that
// waits on the task.
func (j *Journal) Attend(ctx context.Context, task, process string, by int) error {
	return j.update(ctx, func(ctx context.Context, tx *sql.Tx) error { return attend(ctx, tx, task, process, by) })
}

func attend(ctx context.Context, tx *sql.Tx, task, process string, by int) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO attendance (task, process, count) VALUES (?1, ?2, ?3)
		ON CONFLICT DO UPDATE SET count = count + ?3`, task, process, by)
	if isForeignKey(err) {
		return ErrNotFound
	}
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "DELETE FROM attendance WHERE task = ? AND process = ? AND count <= 0", task, process)
	return err
}

// Leave ends one live request of the process; delivered tells that it was given
// the pictures, which makes a later request with the same arguments a new order.
func (j *Journal) Leave(ctx context.Context, task, process string, delivered bool, now time.Time) error {
	return j.update(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := attend(ctx, tx, task, process, -1); err != nil || !delivered {
			return err
		}
		_, err := tx.ExecContext(ctx, "UPDATE task SET delivered = ? WHERE id = ? AND delivered = 0", ms(now), task)
		return err
	})
}

// Sweep forgets the requests that dead processes left behind.
func (j *Journal) Sweep(ctx context.Context, alive func(process string) bool) error {
	return j.update(ctx, func(ctx context.Context, tx *sql.Tx) error {
		processes, err := collect(ctx, tx, scanString, "SELECT DISTINCT process FROM attendance")
		for _, p := range processes {
			if err == nil && !alive(p) {
				_, err = tx.ExecContext(ctx, "DELETE FROM attendance WHERE process = ?", p)
			}
		}
		return err
	})
}
