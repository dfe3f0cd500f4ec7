package edit_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wan-image-mcp/cli/edit"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// folder is every file below dir with its text.
func folder(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(text)
	}
	return all
}

func TestReplace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "new", "config.json")
	replace := func(old, text string) string {
		t.Helper()
		var before []byte
		if old != "" {
			before = []byte(old)
		}
		backup, err := edit.Replace(path, before, []byte(text), noon)
		if err != nil {
			t.Fatal(err)
		}
		return filepath.Base(backup)
	}
	if backup := replace("", "1"); backup != "." {
		t.Errorf("a new file has the backup %s", backup)
	}
	if backup := replace("1", "2"); backup != "config.json.20261122-120000.bak" {
		t.Errorf("the backup is %s", backup)
	}
	replace("2", "3")
	want := map[string]string{
		"config.json": "3", "config.json.20261122-120000.bak": "1", "config.json.20261122-120000-2.bak": "2",
	}
	if diff := cmp.Diff(want, folder(t, filepath.Dir(path))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if _, err := edit.Replace(path, []byte("2"), []byte("4"), noon); !errors.Is(err, edit.ErrChanged) {
		t.Errorf("a file that somebody else changed: got %v", err)
	}
	if diff := cmp.Diff(want, folder(t, filepath.Dir(path))); diff != "" {
		t.Errorf("after a refusal: -want +got:\n%s", diff)
	}
}

func TestReplaceKeepsPermissions(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has access lists instead")
	}
	dir := t.TempDir()
	for perm, path := range map[os.FileMode]string{0o600: "private", 0o644: "shared"} {
		path = filepath.Join(dir, path)
		if err := os.WriteFile(path, []byte("old"), perm); err != nil {
			t.Fatal(err)
		}
		backup, err := edit.Replace(path, []byte("old"), []byte("new"), noon)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{path, backup} {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if info.Mode().Perm() != perm {
				t.Errorf("%s has mode %v, want %v", path, info.Mode().Perm(), perm)
			}
		}
	}
}

// TestReplaceFollowsLinks: people keep such files elsewhere and link to them.
func TestReplaceFollowsLinks(t *testing.T) {
	dir := t.TempDir()
	real, link := filepath.Join(dir, "dotfiles"), filepath.Join(dir, "link")
	if err := os.Mkdir(real, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(real, "c"), []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(real, "c"), link); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	if _, err := edit.Replace(link, []byte("old"), []byte("new"), noon); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v, %v", info, err)
	}
	want := map[string]string{"c": "new", "c.20261122-120000.bak": "old"}
	if diff := cmp.Diff(want, folder(t, real)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
