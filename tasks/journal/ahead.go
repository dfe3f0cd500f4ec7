package journal

import (
	"context"
	"database/sql"
	"errors"
)

// Ahead counts the tasks of the same model that the service took before this one
// and that have not ended: with as many as it runs at once, this one waits there.
func (j *Journal) Ahead(ctx context.Context, t Task) (count int, err error) {
	err = j.view(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM `+openTasks+` AND upstream = ? AND model = ?
			AND state IN ('PENDING', 'RUNNING') AND is_foreign = 0 AND (accepted < ? OR accepted = ? AND id < ?)`,
			t.Upstream, t.Model, ms(t.Accepted), ms(t.Accepted), t.ID).Scan(&count)
	})
	return count, err
}

// RefusesExcess reports whether the service has refused a submission beyond its
// running limit (see [Journal.SlowDown]).
func (j *Journal) RefusesExcess(ctx context.Context, upstream, model string) (refuses bool, err error) {
	err = j.view(ctx, func(ctx context.Context, tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, "SELECT refuse_excess FROM pace WHERE upstream = ? AND model = ?", upstream, model).Scan(&refuses)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	return refuses, err
}
