package journal

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// Queries hands out turns for questions to the service, one after the other over
// all processes that share a folder. The turns are worth nothing after a second,
// so unlike the journal's rows they are never synced to the disk.
type Queries struct{ db *sql.DB }

// OpenQueries opens or creates the turns at path. A file that a power cut has
// damaged is made anew.
func OpenQueries(path string) (*Queries, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	q, err := openQueries(path)
	if errors.Is(err, ErrCorrupt) {
		for _, name := range []string{path, path + "-wal", path + "-shm"} {
			if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
		}
		q, err = openQueries(path)
	}
	return q, err
}

func openQueries(path string) (*Queries, error) {
	if err := makePrivate(path); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", fileURI(path, url.Values{"_txlock": {"immediate"}, "_pragma": {
		busyTimeout, "journal_mode(WAL)", "synchronous(OFF)",
	}}))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	err = patiently(context.Background(), func() error {
		_, err := db.ExecContext(context.Background(), "CREATE TABLE IF NOT EXISTS turn (upstream TEXT PRIMARY KEY, next INTEGER NOT NULL) STRICT, WITHOUT ROWID")
		return err
	})
	if err != nil {
		return nil, errors.Join(explain(err), db.Close())
	}
	return &Queries{db}, nil
}

// Close closes the file.
func (q *Queries) Close() error { return q.db.Close() }

// longestLine is how far ahead turns are given out; a line that is longer was
// made before the clock was set back.
const longestLine = time.Minute

// Turn takes the next turn and tells how far ahead it is. Turns are spacing apart.
func (q *Queries) Turn(ctx context.Context, upstream string, spacing time.Duration, now time.Time) (time.Duration, error) {
	var next int64
	earliest := now.UnixMicro()
	err := patiently(ctx, func() error {
		return q.db.QueryRowContext(ctx, `INSERT INTO turn (upstream, next) VALUES (?1, ?2 + ?3)
			ON CONFLICT DO UPDATE SET next = CASE WHEN next BETWEEN ?2 AND ?2 + ?4 THEN next ELSE ?2 END + ?3 RETURNING next`,
			upstream, earliest, spacing.Microseconds(), longestLine.Microseconds()).Scan(&next)
	})
	if err != nil {
		return 0, explain(err)
	}
	return time.Duration(next-earliest)*time.Microsecond - spacing, nil
}
