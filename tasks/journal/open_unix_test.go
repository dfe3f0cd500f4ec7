//go:build unix

package journal_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestReadOnlyFolder(t *testing.T) {
	path := filled(t)
	empty := t.TempDir()
	for _, dir := range []string{filepath.Dir(path), empty} {
		if err := os.Chmod(dir, 0o555); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Chmod(dir, 0o700) }) // so that it can be removed
	}
	for name, path := range map[string]string{"with a journal": path, "without": filepath.Join(empty, "journal.db")} {
		cmd := child(t, "open", "x", path)
		if os.Getuid() == 0 {
			asNobody(t, cmd, path)
		}
		out, err := cmd.CombinedOutput()
		saysWhy := strings.Contains(string(out), "must be writable") || strings.Contains(string(out), "permission denied")
		if err == nil || !strings.Contains(string(out), path) || !saysWhy {
			t.Errorf("%s: got %v, %s; want the path and that it must be writable", name, err, out)
		}
	}
}

// asNobody takes root's rights from the process, who may write everywhere.
func asNobody(t *testing.T, cmd *exec.Cmd, path string) {
	t.Helper()
	const nobody = 65534
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	b, err := os.ReadFile(cmd.Path) // the test binary lies in a folder of root's
	if err != nil {
		t.Fatal(err)
	}
	cmd.Path = filepath.Join(t.TempDir(), "journal.test")
	if err := os.WriteFile(cmd.Path, b, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		if err := os.Chown(path, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	for dir := range map[string]bool{filepath.Dir(path): true, filepath.Dir(cmd.Path): true} {
		for ; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
			info, err := os.Stat(dir)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(dir, info.Mode()|0o055); err != nil {
				t.Fatal(err)
			}
		}
	}
}
