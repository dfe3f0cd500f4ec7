package journal

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// What a caller may have to tell apart.
var (
	// ErrNewer means that a newer version of the program wrote the file.
	ErrNewer = errors.New("the journal was written by a newer version of wan-image-mcp")
	// ErrCorrupt means that the file is no intact SQLite database.
	ErrCorrupt = errors.New("the journal is damaged")
	// ErrForeign means that the file is a database of something else.
	ErrForeign = errors.New("the file is a database, but no journal of wan-image-mcp")
	// ErrFull means that the disk of the journal is full. Nothing was written.
	ErrFull = errors.New("no space left for the journal")
	// ErrNotFound means that there is no such row for that owner.
	ErrNotFound = errors.New("no such row")
	// ErrLost means that another process holds the task now.
	ErrLost = errors.New("another process has taken the task over")
	// ErrKeyReused means that the idempotency key belongs to other arguments.
	ErrKeyReused = errors.New("the idempotency key belongs to other arguments")
	// ErrClaimed means that the service's task id belongs to another row.
	ErrClaimed = errors.New("the service's task is claimed already")
	// ErrNeeded means that somebody still has to be given the picture.
	ErrNeeded = errors.New("the picture is still needed")
)

// OverBudgetError tells what is left of the day's pictures.
type OverBudgetError struct{ Asked, Left, Limit int }

func (e *OverBudgetError) Error() string {
	return fmt.Sprintf("%d asked for, %d of %d left today", e.Asked, e.Left, e.Limit)
}

// explain turns SQLite's result codes into errors that a reader can act on.
func explain(err error) error {
	switch code := resultCode(err); code & 0xff {
	case sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT:
		return corrupt(err)
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("%w: %w", ErrFull, err)
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		return fmt.Errorf("its file and folder must be writable: %w", err)
	case sqlite3.SQLITE_IOERR:
		if code == sqlite3.SQLITE_IOERR_SHMSIZE { // the -shm file cannot grow
			return fmt.Errorf("%w: %w", ErrFull, err)
		}
	}
	return err
}

func corrupt(err error) error {
	return fmt.Errorf("%w (%w); move it away, or use another --state-dir", ErrCorrupt, err)
}

// resultCode is SQLite's extended result code, or SQLITE_OK for another error.
func resultCode(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code()
	}
	return sqlite3.SQLITE_OK
}

// isBusy reports that another process is in the way for now.
func isBusy(err error) bool {
	code := resultCode(err) & 0xff
	return code == sqlite3.SQLITE_BUSY || code == sqlite3.SQLITE_PROTOCOL
}

func isUnique(err error) bool { return resultCode(err) == sqlite3.SQLITE_CONSTRAINT_UNIQUE }

func isForeignKey(err error) bool { return resultCode(err) == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY }
