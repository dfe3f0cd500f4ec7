package store_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"wan-image-mcp/resources/store"
)

// TestMain lets the test binary be the processes that some tests start.
func TestMain(m *testing.M) {
	role, ok := children[os.Getenv("STORE_CHILD")]
	if !ok {
		os.Exit(m.Run())
	}
	if err := role(os.Stdout); err != nil {
		_, _ = fmt.Fprint(os.Stdout, "failed: ", err)
	}
}

// children are the roles, by name. Each prints what it has to say; what a parent
// hands over comes in STORE_ variables.
var children = map[string]func(io.Writer) error{
	"fetch":         childFetch,
	"fetch forever": childFetchForever,
	"download":      childDownload,
	"full disk":     childFullDisk,
}

// childCommand prepares a process in a role. Its environment is what it is given,
// and nothing of the machine's proxies and certificates.
func childCommand(t testing.TB, role string, env map[string]string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	command := exec.CommandContext(ctx, os.Args[0])
	command.Env = []string{"STORE_CHILD=" + role}
	for _, name := range []string{"SYSTEMROOT", "TMPDIR", "TEMP", "GOCOVERDIR"} {
		if value := os.Getenv(name); value != "" {
			command.Env = append(command.Env, name+"="+value)
		}
	}
	for name, value := range env {
		command.Env = append(command.Env, name+"="+value)
	}
	command.Stderr = os.Stderr
	return command
}

func runChild(t testing.TB, role string, env map[string]string) string {
	t.Helper()
	output, err := childCommand(t, role, env).Output()
	if err != nil {
		t.Fatalf("the process %q ended with %v: %s", role, err, output)
	}
	return string(output)
}

func childFolder() (*store.Folder, error) {
	var o store.Options
	if host := os.Getenv("STORE_HOST"); host != "" {
		o.AllowHosts = []string{host}
	}
	return store.Open(os.Getenv("STORE_DIR"), o)
}

func childFetch(out io.Writer) error {
	folder, err := childFolder()
	if err != nil {
		return err
	}
	p, err := folder.Fetch(context.Background(), os.Getenv("STORE_LINK"))
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(out, "kept ", p.SHA256)
	return err
}

// childFetchForever fetches until it is killed, and says after each picture that
// it is kept.
func childFetchForever(out io.Writer) error {
	folder, err := childFolder()
	for err == nil {
		var p store.Picture
		if p, err = folder.Fetch(context.Background(), os.Getenv("STORE_LINK")); err == nil {
			_, err = fmt.Fprintln(out, p.SHA256)
		}
	}
	return err
}
