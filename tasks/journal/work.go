package journal

import (
	"context"
	"database/sql"
	"fmt"
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
// holds it. fn's error undoes everything and is returned. fn holds up every
// process: it must be quick, and must not call the journal. What the task is
// (ID, Upstream, Owner, Fingerprint, Created) never changes, and a picture's row
// is never removed.
func (j *Journal) Change(ctx context.Context, id string, lease *Lease, fn func(*Task) error) (t Task, err error) {
	err = j.update(ctx, func(ctx context.Context, tx *sql.Tx) error {
		before, err := one(ctx, tx, "id = ?", id)
		if err != nil {
			return err
		}
		if lease != nil && (before.Holder != lease.Holder || before.Fence != lease.Fence) {
			return ErrLost
		}
		t = before
		if err := fn(&t); err != nil {
			return err
		}
		if t.ID != before.ID || t.Upstream != before.Upstream || t.Owner != before.Owner ||
			t.Fingerprint != before.Fingerprint || !t.Created.Equal(before.Created) {
			return fmt.Errorf("task %s cannot become another task", id)
		}
		return claimed(updateTask(ctx, tx, &t))
	})
	if err != nil {
		return Task{}, err
	}
	return t, nil
}

// claimed names the only UNIQUE constraint that a change can break.
func claimed(err error) error {
	if isUnique(err) {
		return ErrClaimed
	}
	return err
}

// Insert writes a task that needs no queue: one that was adopted by its service id.
func (j *Journal) Insert(ctx context.Context, t Task) error {
	return j.update(ctx, func(ctx context.Context, tx *sql.Tx) error { return claimed(insertTask(ctx, tx, &t)) })
}

// Claim takes an open task over from a holder that is gone, under a new fence.
// It fails with [ErrLost] when another process was faster or the task has ended.
func (j *Journal) Claim(ctx context.Context, id string, from Lease, holder string, until time.Time) (Task, error) {
	return j.Change(ctx, id, &from, func(t *Task) error {
		if !t.Open {
			return ErrLost
		}
		t.Holder, t.Fence, t.LeaseUntil = holder, t.Fence+1, until
		return nil
	})
}

// Join makes one upstream of two that have turned out to be the same account: it
// moves the tasks with work to do and those made since, and reports how many. One
// with work to do whose key is taken there gives it up; one that is there already,
// by its service id, stays.
func (j *Journal) Join(ctx context.Context, from, to string, since time.Time) (moved int64, err error) {
	const open = " WHERE id IN (SELECT id FROM " + openTasks + " AND upstream = ?2)"
	err = j.update(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for _, change := range []string{"upstream = ?1" + open, "upstream = ?1 WHERE upstream = ?2 AND created >= ?3", "upstream = ?1, idem_key = NULL" + open} {
			result, err := tx.ExecContext(ctx, "UPDATE OR IGNORE task SET "+change, to, from, ms(since))
			if err != nil {
				return err
			}
			n, err := result.RowsAffected()
			if err != nil {
				return err
			}
			moved += n
		}
		return nil
	})
	return moved, err
}

// Renew prolongs every lease of the process and reports how many there are.
func (j *Journal) Renew(ctx context.Context, holder string, until time.Time) (count int64, err error) {
	err = j.update(ctx, func(ctx context.Context, tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, "UPDATE task INDEXED BY task_open SET lease_until = ? WHERE open = 1 AND holder = ?", ms(until), holder)
		if err != nil {
			return err
		}
		count, err = result.RowsAffected()
		return err
	})
	return count, err
}
