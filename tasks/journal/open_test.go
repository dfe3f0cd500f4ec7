package journal_test

import (
	"context"
	"crypto/sha256"
	"database/sql/driver"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"wan-image-mcp/tasks/journal"
)

// openOnly is a process that opens the journal and closes it again.
func openOnly(path, _ string) error {
	j, err := journal.Open(path)
	if err != nil {
		return err
	}
	return j.Close()
}

// visit is a process that works with the journal and closes it, which moves the
// WAL into the file and removes it when nobody else has it open.
func visit(path, name string) error {
	j, err := journal.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = j.Close() }()
	_, _, err = j.Order(context.Background(), intent(name))
	return err
}

// contents are the hashes of what is in the journal's folder.
func contents(t *testing.T, path string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(filepath.Dir(path), e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(b)
		all[e.Name()] = hex.EncodeToString(sum[:8])
	}
	return all
}

// filled is a closed journal with some tasks.
func filled(t *testing.T) string {
	t.Helper()
	path := newFile(t)
	j, err := journal.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 30 {
		order(t, j, fmt.Sprint("t", i), func(in *journal.Intent) { in.Task.Request = make([]byte, 3000) })
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// crashed is a copy of a journal as a killed process leaves it: all in the WAL.
func crashed(t *testing.T, write func(j *journal.Journal, path string)) string {
	t.Helper()
	path, to := newFile(t), newFile(t)
	write(open(t, path), path)
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to+suffix, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

func TestOpenAgain(t *testing.T) {
	path := filled(t)
	if got := contents(t, path); len(got) != 1 {
		t.Errorf("a closed journal is %v, want one file", got)
	}
	j := open(t, path)
	if all, err := j.OpenTasks(t.Context(), upstream); len(all) != 30 || err != nil {
		t.Errorf("got %d tasks, %v", len(all), err)
	}
	if got := j.Dir(); got != filepath.Dir(path) {
		t.Errorf("got folder %s, want %s", got, filepath.Dir(path))
	}
}

func TestOddPaths(t *testing.T) {
	for _, name := range []string{"with space", "a%41b", "a?mode=memory", "a#b", "a&b=c", "花 ü", "colon:x", "'quote"} {
		if runtime.GOOS == "windows" && strings.ContainsAny(name, "?:") {
			continue
		}
		dir := filepath.Join(t.TempDir(), name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name+".db")
		order(t, open(t, path), "a")
		if _, err := os.Stat(path + "-wal"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	t.Chdir(t.TempDir())
	j := open(t, "relative.db")
	t.Chdir(t.TempDir())
	order(t, j, "a")
	if _, err := j.Task(t.Context(), "a"); err != nil {
		t.Errorf("after a change of folder: %v", err)
	}
}

func TestFilesArePrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	check := func(path string) {
		t.Helper()
		for _, suffix := range []string{"", "-wal", "-shm"} {
			info, err := os.Stat(path + suffix)
			if err != nil {
				t.Fatal(err)
			}
			if got := info.Mode().Perm(); got != 0o600 {
				t.Errorf("journal%s has mode %o, want 600", suffix, got)
			}
		}
	}
	path := newFile(t)
	order(t, open(t, path), "a")
	check(path)

	left := crashed(t, func(j *journal.Journal, _ string) { order(t, j, "a") })
	for _, suffix := range []string{"", "-wal"} {
		if err := os.Chmod(left+suffix, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	open(t, left)
	check(left)
}

func TestNewerJournalIsLeftAlone(t *testing.T) {
	newer := fmt.Sprintf("PRAGMA user_version = %d", journal.Version+1)
	for name, path := range map[string]string{
		"at rest": func() string {
			path := filled(t)
			exec1(t, path, newer)
			exec1(t, path, "ALTER TABLE task ADD COLUMN novelty TEXT")
			return path
		}(),
		"left by a crash": crashed(t, func(_ *journal.Journal, path string) { exec1(t, path, newer) }),
	} {
		t.Run(name, func(t *testing.T) {
			before := contents(t, path)
			_, err := journal.Open(path)
			if !errors.Is(err, journal.ErrNewer) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want ErrNewer and the path", err)
			}
			after := contents(t, path)
			if name == "left by a crash" {
				delete(after, "journal.db-shm") // memory that readers share, not the journal
			}
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("the folder was changed (-before +after):\n%s", diff)
			}
		})
	}
}

func TestNewerJournalThatIsInUse(t *testing.T) {
	path := newFile(t)
	j := open(t, path)
	exec1(t, path, fmt.Sprintf("PRAGMA user_version = %d", journal.Version+1))
	if _, err := journal.Open(path); !errors.Is(err, journal.ErrNewer) {
		t.Errorf("got %v, want ErrNewer", err)
	}
	order(t, j, "a") // who has it open goes on
}

func TestDamagedJournalIsLeftAlone(t *testing.T) {
	good, err := os.ReadFile(filled(t))
	if err != nil {
		t.Fatal(err)
	}
	const page = 4096
	damaged := map[string][]byte{
		"no database":    []byte("Dear diary, this is no database, though it is long enough to be taken for one at a first look."),
		"a short text":   []byte("hi"),
		"zeros":          make([]byte, 3*page),
		"garbage header": append([]byte("SQLite format 4\x00"), good[16:]...),
	}
	for _, size := range []int{2, 15, 16, 50, 99, 100, 511, 512, 1000, page - 1, page, page + 1, len(good) / 2, len(good) - page, len(good) - 1} {
		damaged[fmt.Sprint("cut to ", size)] = good[:size]
	}
	for n := range len(good) / page {
		flipped := append([]byte(nil), good...)
		for i := n * page; i < (n+1)*page; i++ {
			flipped[i] ^= 0xff
		}
		damaged[fmt.Sprint("flipped page ", n+1)] = flipped
	}
	for name, b := range damaged {
		t.Run(name, func(t *testing.T) {
			path := newFile(t)
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			before := contents(t, path)
			j, err := journal.Open(path)
			if err == nil {
				_ = j.Close()
			}
			if !errors.Is(err, journal.ErrCorrupt) {
				t.Errorf("got %v, want ErrCorrupt", err)
			}
			if diff := cmp.Diff(before, contents(t, path)); diff != "" {
				t.Errorf("the folder was changed (-before +after):\n%s", diff)
			}
		})
	}
}

// A database of another program is no journal, though SQLite could make one of it.
func TestForeignDatabaseIsLeftAlone(t *testing.T) {
	for name, made := range map[string]string{
		"without a version":        "CREATE TABLE diary (day TEXT)",
		"with our version":         fmt.Sprintf("CREATE TABLE diary (day TEXT); PRAGMA user_version = %d", journal.Version),
		"with our version, empty":  fmt.Sprintf("PRAGMA user_version = %d", journal.Version),
		"with a table of our name": "CREATE TABLE task (what TEXT)",
	} {
		t.Run(name, func(t *testing.T) {
			path := newFile(t)
			exec1(t, path, made)
			before := contents(t, path)
			j, err := journal.Open(path)
			if err == nil {
				_ = j.Close()
			}
			if !errors.Is(err, journal.ErrForeign) || !strings.Contains(err.Error(), "--state-dir") {
				t.Errorf("got %v, want ErrForeign and what to do", err)
			}
			if diff := cmp.Diff(before, contents(t, path)); diff != "" {
				t.Errorf("the folder was changed (-before +after):\n%s", diff)
			}
		})
	}
}

// A process that is killed while it moves the WAL into the file leaves a file
// that is damaged by itself and whole with its WAL.
func TestDeathHalfWayThroughCheckpoint(t *testing.T) {
	path := crashed(t, func(j *journal.Journal, _ string) {
		for i := range 30 {
			order(t, j, fmt.Sprint("t", i), func(in *journal.Intent) { in.Task.Request = make([]byte, 3000) })
		}
	})
	wal, err := os.ReadFile(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	const header, frameHeader, page = 32, 24, 4096
	var first []byte // the newest version of page 1, the first one to be moved
	for at := header; at+frameHeader+page <= len(wal); at += frameHeader + page {
		if binary.BigEndian.Uint32(wal[at:]) == 1 {
			first = wal[at+frameHeader : at+frameHeader+page]
		}
	}
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = file.WriteAt(first, 0)
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	if all, err := open(t, path).OpenTasks(t.Context(), upstream); len(all) != 30 || err != nil {
		t.Errorf("got %d tasks, %v; want 30", len(all), err)
	}
}

func TestWhatCannotBeOpened(t *testing.T) {
	dir := t.TempDir()
	if _, err := journal.Open(filepath.Join(dir, "missing", "journal.db")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing folder: got %v, want ErrNotExist", err)
	}
	if _, err := journal.Open(dir); err == nil || !strings.Contains(err.Error(), "is not a file") {
		t.Errorf("a folder: got %v", err)
	}
	if err := journal.RefuseKind(dir, "NFS"); err == nil || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "--state-dir") {
		t.Errorf("network file system: got %v, want the folder and what to do", err)
	}
	if err := journal.RefuseKind(dir, ""); err != nil {
		t.Errorf("local file system: %v", err)
	}
}

// Eight processes start at once on a folder without a journal, over and over.
func TestManyProcessesCreateTheJournal(t *testing.T) {
	for range 2 {
		path := newFile(t)
		results := make(chan string)
		for i := range 8 {
			cmd := child(t, "visit", fmt.Sprint("t", i), path)
			go func() {
				out, err := cmd.CombinedOutput()
				if err != nil {
					results <- fmt.Sprintf("%v: %s", err, out)
				}
				results <- ""
			}()
		}
		for range 8 {
			if failure := <-results; failure != "" {
				t.Error(failure)
			}
		}
		if all, err := open(t, path).OpenTasks(t.Context(), upstream); len(all) != 8 || err != nil {
			t.Errorf("got %d tasks, %v; want 8", len(all), err)
		}
	}
}

// asked puts a question to each new connection.
type asked struct {
	driver.Connector
	question string
	answer   func(driver.Value)
}

func (a asked) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := a.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := conn.(driver.QueryerContext).QueryContext(ctx, a.question, nil)
	if err != nil {
		return nil, err
	}
	answer := make([]driver.Value, 1)
	if err := errors.Join(rows.Next(answer), rows.Close()); err != nil {
		return nil, err
	}
	a.answer(answer[0])
	return conn, nil
}

// What makes a commit survive a power cut, on every connection that can write.
func TestEveryConnectionIsDurable(t *testing.T) {
	for question, want := range map[string]any{
		"PRAGMA synchronous": int64(2), "PRAGMA journal_mode": "wal", "PRAGMA fullfsync": int64(1), "PRAGMA foreign_keys": int64(1),
	} {
		path := filled(t)
		var got []driver.Value
		j, err := journal.OpenThrough(path, func(c driver.Connector) driver.Connector {
			return asked{c, question, func(v driver.Value) { got = append(got, v) }}
		})
		if err != nil {
			t.Fatal(err)
		}
		got = got[1:] // the first one only looked, and was closed
		if _, err := j.Task(t.Context(), "t0"); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]driver.Value{want, want}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", question, diff)
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	}
}
