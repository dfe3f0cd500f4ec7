// Package journal keeps what must not be forgotten about paid work: one row per
// order in an SQLite file, written before money can be spent and again as soon
// as the service has answered.
//
// Every writing method is one immediate transaction with synchronous=FULL: when
// it returns, the row survives kill -9 and a power cut. Several processes may
// use the same file; each has one writing connection, so they queue instead of
// failing. The package knows rows and their rules, nothing of the service.
//
// A context bounds the wait for a turn. A write that has begun runs to its end,
// in milliseconds: an error means that nothing was written, unless it is the
// disk's own (SQLite's "disk I/O error"), after which nobody knows.
//
//	j, err := journal.Open(filepath.Join(state, "journal.db"))
//	...
//	defer j.Close()
package journal

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Journal is one open file. Its methods may be used from many goroutines.
type Journal struct {
	path     string
	write    *sql.DB // exactly one connection, never interrupted
	read     *sql.DB
	trimFrom int64 // size of the WAL; who has the writing connection may touch it
}

// Open opens or creates the journal at path, readable by its owner only. It
// fails with [ErrNewer], [ErrForeign] or [ErrCorrupt] and leaves such a file untouched.
// Damage inside a large journal shows later, as ErrCorrupt from the method that
// meets it.
func Open(path string) (*Journal, error) { return open(path, newConnector) }

// A connector makes connections to the file that a data source name tells.
type connector func(dsn string) (driver.Connector, error)

func open(path string, to connector) (*Journal, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := prepare(path, to); err != nil {
		return nil, fmt.Errorf("journal %s: %w", path, err)
	}
	j := &Journal{path: path, trimFrom: largeWAL}
	if j.write, err = connect(path, to, 1); err != nil {
		return nil, fmt.Errorf("journal %s: %w", path, err)
	}
	if j.read, err = connect(path, to, 4); err != nil {
		return nil, errors.Join(fmt.Errorf("journal %s: %w", path, err), j.write.Close())
	}
	if err := j.migrate(); err != nil {
		return nil, errors.Join(fmt.Errorf("journal %s: %w", path, err), j.Close())
	}
	return j, nil
}

// Close closes the file. Rows are durable already.
func (j *Journal) Close() error { return errors.Join(j.read.Close(), j.write.Close()) }

// Dir is the folder that holds the journal.
func (j *Journal) Dir() string { return filepath.Dir(j.path) }

// busyTimeout is how long SQLite itself waits for other processes, in
// milliseconds. The rest is patiently's, which listens to a context.
const busyTimeout = "busy_timeout(100)"

// connect makes a pool of at most most connections, opened when first needed.
func connect(path string, to connector, most int) (*sql.DB, error) {
	c, err := to(fileURI(path, url.Values{"_txlock": {"immediate"}, "_pragma": {
		busyTimeout, "journal_mode(WAL)", "synchronous(FULL)", "fullfsync(1)", "foreign_keys(1)",
	}}))
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(most)
	db.SetMaxIdleConns(most)
	return db, nil
}

// fileURI is SQLite's own form of a path, also for Windows drives.
func fileURI(path string, query url.Values) string {
	p := filepath.ToSlash(path)
	if !strings.HasPrefix(p, "/") {
		p = "/" + p
	}
	return "file:" + (&url.URL{Path: p}).EscapedPath() + "?" + query.Encode()
}

// update runs fn in one durable transaction. fn gets a context that does not end
// with ctx: an interrupted connection would be replaced, and [Journal.Changed]
// compares what one and the same connection has seen.
func (j *Journal) update(ctx context.Context, fn func(ctx context.Context, tx *sql.Tx) error) error {
	conn, tx, err := j.begin(ctx)
	if err != nil {
		return explain(err)
	}
	// Also when fn panics: a transaction left open would stop every process. After
	// a commit, or when SQLite has undone everything itself, it does nothing.
	defer func() {
		_ = tx.Rollback()
		_ = conn.Close() // back to the pool
	}()
	if err := fn(context.WithoutCancel(ctx), tx); err != nil {
		return explain(err)
	}
	if err := tx.Commit(); err != nil {
		return explain(err)
	}
	j.trim(ctx, conn)
	return nil
}

// largeWAL is the size from which the WAL is moved into the file even if others
// read at every moment. What SQLite does by itself, every 4 MB, waits for a
// moment in which nobody reads.
const largeWAL = 16 << 20

// trim moves a large WAL into the file. It waits a tenth of a second for readers;
// when they take longer, it is tried again after as much growth.
func (j *Journal) trim(ctx context.Context, conn *sql.Conn) {
	info, err := os.Stat(j.path + "-wal")
	if err != nil || info.Size() < j.trimFrom {
		return
	}
	var busy, frames, moved int
	err = conn.QueryRowContext(context.WithoutCancel(ctx), "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &moved)
	if err != nil || busy != 0 { // the WAL is as good as before
		j.trimFrom = info.Size() + largeWAL
		return
	}
	j.trimFrom = largeWAL
}

// begin takes the writing connection and the write lock.
func (j *Journal) begin(ctx context.Context) (conn *sql.Conn, tx *sql.Tx, err error) {
	err = patiently(ctx, func() error {
		if conn, err = j.write.Conn(ctx); err != nil {
			return err
		}
		if tx, err = conn.BeginTx(context.WithoutCancel(ctx), nil); err != nil {
			return errors.Join(err, conn.Close())
		}
		return nil
	})
	return conn, tx, err
}

// view runs fn on one consistent state of the journal. It may run it again.
func (j *Journal) view(ctx context.Context, fn func(ctx context.Context, tx *sql.Tx) error) error {
	return explain(patiently(ctx, func() error {
		tx, err := j.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }() // nothing was written
		return fn(ctx, tx)
	}))
}

// patience is how long another process may hold the file. It works for some
// milliseconds; only one that was stopped in the middle takes longer.
const patience = time.Minute

// patiently repeats op while another process holds the file.
func patiently(ctx context.Context, op func() error) error {
	start := time.Now()
	for {
		err := op()
		switch {
		case !isBusy(err):
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case time.Since(start) > patience:
			return fmt.Errorf("another process has held the journal for %v; is one of them stopped?", patience)
		}
	}
}
