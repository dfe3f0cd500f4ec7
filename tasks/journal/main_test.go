package journal_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wan-image-mcp/tasks/journal"
)

// childEnv makes the test binary another process of the program: its value says
// what to do, with which file, under which name.
const childEnv = "WAN_IMAGE_MCP_JOURNAL_TEST_CHILD"

func TestMain(m *testing.M) {
	if role := os.Getenv(childEnv); role != "" {
		words := strings.SplitN(role, " ", 3)
		if err := children[words[0]](words[2], words[1]); err != nil {
			_, _ = fmt.Fprintln(os.Stdout, "error", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// children are the other processes, by role.
var children = map[string]func(path, name string) error{
	"visit":   visit,
	"commit":  commitForEver,
	"measure": measure,
	"open":    openOnly,
}

// child prepares another process on the same file.
func child(t testing.TB, role, name, path string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), childEnv+"="+role+" "+name+" "+path)
	return cmd
}

const (
	upstream = "https://dashscope.aliyuncs.com/api/v1|1234"
	model    = "wan2.6-t2i"
)

// noon is when most tests happen.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.Local)

func open(t testing.TB, path string) *journal.Journal {
	t.Helper()
	j, err := journal.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	return j
}

func newFile(t testing.TB) string { return filepath.Join(t.TempDir(), "journal.db") }

func openNew(t testing.TB) *journal.Journal { return open(t, newFile(t)) }

// everybody is alive.
func everybody(string) bool { return true }

// intent is an order of one picture by process p1, changed by with.
func intent(id string, with ...func(*journal.Intent)) journal.Intent {
	in := journal.Intent{
		Task: journal.Task{
			ID: id, Upstream: upstream, Owner: "ann", Session: "s1", Fingerprint: "f-" + id, Model: model, N: 1,
			Request: []byte("{}"), Holder: "p1", Fence: 1, LeaseUntil: noon.Add(10 * time.Second), Created: noon,
			Billed: -1, Price: 200000, Counted: 1,
		},
		Process: "p1", Adoptable: noon.Add(-15 * time.Minute), Day: noon.Add(-12 * time.Hour), Alive: everybody,
	}
	for _, change := range with {
		change(&in)
	}
	return in
}

func key(k string) func(*journal.Intent) { return func(in *journal.Intent) { in.Task.Key = k } }
func same(f string) func(*journal.Intent) {
	return func(in *journal.Intent) { in.Task.Fingerprint = f }
}

func session(s string) func(*journal.Intent) { return func(in *journal.Intent) { in.Task.Session = s } }

func createdAt(at time.Time) func(*journal.Intent) {
	return func(in *journal.Intent) { in.Task.Created = at }
}

// process makes it an order of another process.
func process(p string) func(*journal.Intent) {
	return func(in *journal.Intent) { in.Process, in.Task.Holder = p, p }
}

func order(t testing.TB, j *journal.Journal, id string, with ...func(*journal.Intent)) journal.Task {
	t.Helper()
	task, found, err := j.Order(t.Context(), intent(id, with...))
	if err != nil || found {
		t.Fatalf("order %s: found %v, error %v", id, found, err)
	}
	return task
}

func change(t testing.TB, j *journal.Journal, id string, fn func(*journal.Task)) journal.Task {
	t.Helper()
	task, err := j.Change(t.Context(), id, nil, func(t *journal.Task) error {
		fn(t)
		return nil
	})
	if err != nil {
		t.Fatalf("change %s: %v", id, err)
	}
	return task
}

func setState(t testing.TB, j *journal.Journal, id, state string, open bool) {
	t.Helper()
	change(t, j, id, func(t *journal.Task) { t.State, t.Open = state, open })
}

// query asks the file itself, beside the journal.
func query[T any](t testing.TB, path, text string) (answer T) {
	t.Helper()
	db := rawDB(t, path)
	defer db.Close()
	if err := db.QueryRowContext(context.Background(), text).Scan(&answer); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return answer
}

func exec1(t testing.TB, path, text string) {
	t.Helper()
	db := rawDB(t, path)
	_, err := db.ExecContext(context.Background(), text)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

func rawDB(t testing.TB, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	return db
}
