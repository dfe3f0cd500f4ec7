package journal

import (
	"context"
	"database/sql"
)

// Withdraw changes a queued task on behalf of a request of the process that gives
// it up. It reports false, and changes nothing, when the task has left the queue
// or live requests beyond own of the process's wait on it.
func (j *Journal) Withdraw(ctx context.Context, id, process string, own int, alive func(string) bool, fn func(*Task)) (t Task, ok bool, err error) {
	err = j.update(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if t, err = one(ctx, tx, "id = ?", id); err != nil || t.State != queued {
			return err
		}
		var waiting int
		if err := tx.QueryRowContext(ctx, "SELECT COALESCE(SUM(count), 0) FROM attendance WHERE task = ? AND process = ?", id, process).Scan(&waiting); err != nil {
			return err
		}
		others, err := attended(ctx, tx, id, func(p string) bool { return p != process && alive(p) })
		if err != nil || others || waiting > own {
			return err
		}
		fn(&t)
		ok = true
		return updateTask(ctx, tx, &t)
	})
	return t, ok, err
}
