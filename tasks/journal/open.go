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
	"slices"
	"strconv"
)

// Version is the schema that this program writes. A file with a newer one is
// refused and left as it is.
const Version = 1

// oldestSQLite is the first SQLite whose WAL survives two processes that write
// and checkpoint at once.
var oldestSQLite = [3]int{3, 51, 3}

//go:embed schema.sql
var schema string

// prepare makes sure that there is a private file at path that this program may
// write to.
func prepare(path string, to connector) error {
	if err := refuseNetwork(filepath.Dir(path)); err != nil {
		return err
	}
	if err := makePrivate(path); err != nil {
		return err
	}
	return inspect(path, to)
}

// makePrivate creates the file for its owner only, or takes the others' rights
// from one that exists. SQLite gives its -wal and -shm files the same mode. An
// existing file is not opened: POSIX drops all locks of a process on a file when
// it closes any descriptor of it, also those of another open Journal.
func makePrivate(path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err == nil {
		return file.Close()
	}
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%s is not a file", name)
		}
		if info.Mode().Perm()&0o077 == 0 {
			continue
		}
		if err := os.Chmod(name, 0o600); err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	return nil
}

// inspect refuses a newer, foreign or damaged file without changing it. With no -wal
// beside it the file is complete, and it is read as it lies there. Otherwise a
// process works on it or died, perhaps half way through moving the WAL into the
// file, and SQLite has to look through the WAL.
func inspect(path string, to connector) error {
	before, err := os.Stat(path)
	if err != nil {
		return err
	}
	if exists(path + "-wal") {
		return examine(path, to, url.Values{"mode": {"ro"}}, before.Size())
	}
	err = examine(path, to, url.Values{"mode": {"ro"}, "immutable": {"1"}}, before.Size())
	if err == nil || errors.Is(err, ErrNewer) {
		return err
	}
	after, statErr := os.Stat(path)
	if statErr != nil {
		return statErr
	}
	if exists(path+"-wal") || after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime()) {
		return inspect(path, to) // it was written to meanwhile
	}
	return err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func examine(path string, to connector, query url.Values, size int64) (err error) {
	query.Set("_pragma", busyTimeout)
	c, err := to(fileURI(path, query))
	if err != nil {
		return err
	}
	db := sql.OpenDB(c)
	defer func() { err = errors.Join(err, db.Close()) }()
	ctx := context.Background()
	return explain(patiently(ctx, func() error {
		version, err := userVersion(ctx, db)
		if err == nil {
			err = refuseNewer(version)
		}
		if err == nil {
			err = refuseForeign(ctx, db)
		}
		if err == nil {
			err = checkPages(ctx, db, size, query.Has("immutable"))
		}
		return err
	}))
}

// checkedSize is up to where a file is checked page by page when it is opened,
// at some 3 ms a megabyte: a few thousand tasks.
const checkedSize = 4 << 20

func checkPages(ctx context.Context, db *sql.DB, size int64, complete bool) error {
	var page int64
	if err := db.QueryRowContext(ctx, "PRAGMA page_size").Scan(&page); err != nil {
		return err
	}
	if complete && size > 1 && size%page != 0 { // one byte is SQLite's mark of an empty file
		return corrupt(errors.New("its end is missing"))
	}
	if size > checkedSize {
		return nil
	}
	var verdict string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return corrupt(errors.New(verdict))
	}
	return nil
}

func refuseNewer(version int) error {
	if version > Version {
		return fmt.Errorf("%w: it has version %d, this program knows %d; use the newer program, or another --state-dir",
			ErrNewer, version, Version)
	}
	return nil
}

// refuseForeign leaves other programs' databases alone: a file without a version
// has to be empty, and one with a version has to hold our tasks. It is one
// question: another process may create the journal at this moment.
func refuseForeign(ctx context.Context, db *sql.DB) error {
	var version, things, tasks int
	err := db.QueryRowContext(ctx, `SELECT (SELECT user_version FROM pragma_user_version), COUNT(*),
		COUNT(*) FILTER (WHERE type = 'table' AND name = 'task') FROM sqlite_master`).Scan(&version, &things, &tasks)
	if err != nil {
		return err
	}
	if version == 0 && things > 0 || version > 0 && tasks == 0 {
		return fmt.Errorf("%w; move it away, or use another --state-dir", ErrForeign)
	}
	return nil
}

func userVersion(ctx context.Context, db interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
},
) (version int, err error) {
	err = db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version)
	return version, err
}

// migrate brings the file to Version, under the write lock.
func (j *Journal) migrate() error {
	return j.update(context.Background(), func(ctx context.Context, tx *sql.Tx) error {
		if err := checkLibrary(ctx, tx); err != nil {
			return err
		}
		version, err := userVersion(ctx, tx)
		if err != nil {
			return err
		}
		if err := refuseNewer(version); err != nil || version == Version {
			return err
		}
		if _, err := tx.ExecContext(ctx, schema); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "PRAGMA user_version = "+strconv.Itoa(Version))
		return err
	})
}

// checkLibrary makes sure that several processes can share the file.
func checkLibrary(ctx context.Context, tx *sql.Tx) error {
	var mode, text string
	if err := tx.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("this file system has no shared memory for a journal (mode %s); use --state-dir with another folder", mode)
	}
	if err := tx.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&text); err != nil {
		return err
	}
	var got [3]int
	if _, err := fmt.Sscanf(text, "%d.%d.%d", &got[0], &got[1], &got[2]); err != nil {
		return fmt.Errorf("SQLite version %q: %w", text, err)
	}
	if slices.Compare(got[:], oldestSQLite[:]) < 0 {
		return fmt.Errorf("SQLite %s may corrupt a journal shared by several processes; 3.51.3 is needed", text)
	}
	return nil
}
