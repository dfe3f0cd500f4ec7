// Package journal keeps what must not be forgotten about paid work: one row per
// order in an SQLite file, written before money can be spent and again as soon
// as the service has answered.
//
// Every writing method is one immediate transaction with synchronous=FULL: when
// it returns, the row survives kill -9 and a power cut. Several processes may
// use the same file; each has one writing connection, so they queue instead of
// failing. The package knows rows and their rules, nothing of the service.
//
//	j, err := journal.Open(filepath.Join(state, "journal.db"))
//	...
//	defer j.Close()
package journal

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	_ "modernc.org/sqlite" // the database/sql driver "sqlite"
)

// Version is the schema that this program writes. A file with a newer one is
// refused and left as it is.
const Version = 1

// oldestSQLite is the first SQLite whose WAL survives two processes that write
// and checkpoint at once.
var oldestSQLite = [3]int{3, 51, 3}

//go:embed schema.sql
var schema string

// What a caller may have to tell apart.
var (
	// ErrNewer means that a newer version of the program wrote the file.
	ErrNewer = errors.New("the journal was written by a newer version of wan-image-mcp")
	// ErrCorrupt means that the file is no intact SQLite database.
	ErrCorrupt = errors.New("the journal is damaged")
	// ErrNotFound means that there is no such row for that owner.
	ErrNotFound = errors.New("no such row")
	// ErrLost means that another process holds the task now.
	ErrLost = errors.New("another process has taken the task over")
	// ErrKeyReused means that the idempotency key belongs to other arguments.
	ErrKeyReused = errors.New("the idempotency key belongs to other arguments")
	// ErrClaimed means that the service's task id belongs to another row.
	ErrClaimed = errors.New("the service's task is claimed already")
)

// Journal is one open file. Its methods may be used from many goroutines.
type Journal struct {
	path  string
	write *sql.DB // exactly one connection
	read  *sql.DB
}

// Open opens or creates the journal at path; the file is readable by its owner
// only. It fails with [ErrNewer] or [ErrCorrupt] and leaves such a file untouched.
func Open(path string) (*Journal, error) {
	if err := checkAtRest(path); err != nil {
		return nil, fmt.Errorf("journal %s: %w", path, err)
	}
	j := &Journal{path: path}
	var err error
	if j.write, err = connect(path, "immediate", 1); err != nil {
		return nil, fmt.Errorf("journal %s: %w", path, err)
	}
	if err := j.migrate(); err != nil {
		return nil, errors.Join(fmt.Errorf("journal %s: %w", path, explain(err)), j.write.Close())
	}
	if j.read, err = connect(path, "deferred", 4); err != nil {
		return nil, errors.Join(fmt.Errorf("journal %s: %w", path, err), j.write.Close())
	}
	return j, nil
}

// Close closes the file. Rows are durable already.
func (j *Journal) Close() error { return errors.Join(j.read.Close(), j.write.Close()) }

// Dir is the folder that holds the journal.
func (j *Journal) Dir() string { return filepath.Dir(j.path) }

func connect(path, lock string, most int) (*sql.DB, error) {
	pragmas := url.Values{"_txlock": {lock}, "_pragma": {
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "fullfsync(1)", "foreign_keys(1)",
	}}
	db, err := sql.Open("sqlite", fileURI(path, pragmas))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(most)
	db.SetMaxIdleConns(most)
	return db, nil
}

// fileURI is SQLite's own form of a path, also for Windows drives.
func fileURI(path string, query url.Values) string {
	p := filepath.ToSlash(path)
	if !strings.HasPrefix(p, "/") && filepath.IsAbs(path) {
		p = "/" + p
	}
	return "file:" + (&url.URL{Path: p}).EscapedPath() + "?" + query.Encode()
}

// checkAtRest looks at an existing file without opening it for writing.
func checkAtRest(path string) error {
	if err := refuseNetwork(filepath.Dir(path)); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	if info.Size() == 0 {
		return nil
	}
	if info.Mode().Perm()&0o077 != 0 {
		if err := os.Chmod(path, 0o600); err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	db, err := sql.Open("sqlite", fileURI(path, url.Values{"mode": {"ro"}, "immutable": {"1"}}))
	if err != nil {
		return err
	}
	version, err := userVersion(db)
	if err := errors.Join(err, db.Close()); err != nil {
		return explain(err)
	}
	return refuseNewer(version)
}

func refuseNewer(version int) error {
	if version > Version {
		return fmt.Errorf("%w: it has version %d, this program knows %d; use the newer program, or another --state-dir",
			ErrNewer, version, Version)
	}
	return nil
}

func userVersion(db interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
},
) (version int, err error) {
	err = db.QueryRowContext(context.Background(), "PRAGMA user_version").Scan(&version)
	return version, err
}

// migrate brings the file to Version, under the write lock.
func (j *Journal) migrate() error {
	if err := checkLibrary(j.write); err != nil {
		return err
	}
	return j.update(context.Background(), func(tx *sql.Tx) error {
		version, err := userVersion(tx)
		if err != nil {
			return err
		}
		if err := refuseNewer(version); err != nil || version == Version {
			return err
		}
		if _, err := tx.Exec(schema); err != nil {
			return err
		}
		_, err = tx.Exec("PRAGMA user_version = " + strconv.Itoa(Version))
		return err
	})
}

func checkLibrary(db *sql.DB) error {
	var text string
	if err := db.QueryRowContext(context.Background(), "SELECT sqlite_version()").Scan(&text); err != nil {
		return err
	}
	var got [3]int
	if _, err := fmt.Sscanf(text, "%d.%d.%d", &got[0], &got[1], &got[2]); err != nil {
		return fmt.Errorf("SQLite version %q: %w", text, err)
	}
	for i := range got {
		if got[i] != oldestSQLite[i] {
			if got[i] < oldestSQLite[i] {
				return fmt.Errorf("SQLite %s may corrupt a journal shared by several processes; 3.51.3 is needed", text)
			}
			break
		}
	}
	return nil
}

// update runs fn in one durable transaction.
func (j *Journal) update(ctx context.Context, fn func(*sql.Tx) error) error {
	tx, err := j.write.BeginTx(ctx, nil)
	if err != nil {
		return explain(err)
	}
	if err := fn(tx); err != nil {
		return errors.Join(err, ignoreDone(tx.Rollback()))
	}
	return explain(tx.Commit())
}

func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}
