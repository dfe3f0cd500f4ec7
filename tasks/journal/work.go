package journal

import (
	"context"
	"database/sql"
	"time"
)

// Lease proves that a process still holds a task.
type Lease struct {
	Holder string
	Fence  int64
}

// Change reads the task, lets fn change it and writes it back, in one durable
// transaction. With a lease it fails with [ErrLost] when another process holds
// the task by now; without one, fn must only bring news that is true whoever
// holds it. fn's error undoes everything and is returned.
func (j *Journal) Change(ctx context.Context, id string, lease *Lease, fn func(*Task) error) (t Task, err error) {
	err = j.update(ctx, func(tx *sql.Tx) error {
		if t, err = one(ctx, tx, "id = ?", id); err != nil {
			return err
		}
		if lease != nil && (t.Holder != lease.Holder || t.Fence != lease.Fence) {
			return ErrLost
		}
		if err := fn(&t); err != nil {
			return err
		}
		if err := updateTask(ctx, tx, &t); isUnique(err) {
			return ErrClaimed
		} else if err != nil {
			return err
		}
		return nil
	})
	return t, err
}

// Insert writes a task that needs no queue: one that was adopted by its service id.
func (j *Journal) Insert(ctx context.Context, t Task) error {
	return j.update(ctx, func(tx *sql.Tx) error {
		if err := insertTask(ctx, tx, &t); isUnique(err) {
			return ErrClaimed
		} else if err != nil {
			return err
		}
		return nil
	})
}

// Claim takes an open task over from a holder that is gone, under a new fence.
func (j *Journal) Claim(ctx context.Context, id string, from Lease, holder string, until time.Time) (Task, error) {
	return j.Change(ctx, id, &from, func(t *Task) error {
		t.Holder, t.Fence, t.LeaseUntil = holder, t.Fence+1, until
		return nil
	})
}

// Renew prolongs every lease of the process and reports how many there are.
func (j *Journal) Renew(ctx context.Context, holder string, until time.Time) (count int64, err error) {
	err = j.update(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, "UPDATE task SET lease_until = ? WHERE open = 1 AND holder = ?", ms(until), holder)
		if err != nil {
			return explain(err)
		}
		count, err = result.RowsAffected()
		return err
	})
	return count, err
}
