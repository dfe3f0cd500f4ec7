package store_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"wan-image-mcp/resources/store"
)

func TestOpenMakesAPrivateFolder(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has access lists instead of modes")
	}
	parent := filepath.Join(t.TempDir(), "state")
	folder, dir, p := keepIn(t, filepath.Join(parent, "pictures"))
	for path, want := range map[string]os.FileMode{parent: 0o700, dir: 0o700, filepath.Join(dir, p.SHA256+".png"): 0o600} {
		if got := mode(t, path); got != want {
			t.Errorf("%s has mode %o, want %o", path, got, want)
		}
	}
	if _, err := folder.Used(); err != nil {
		t.Error(err)
	}
	open := filepath.Join(t.TempDir(), "open")
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o775); err != nil {
		t.Fatal(err)
	}
	openAt(t, open, store.Options{})
	if got := mode(t, open); got != 0o700 {
		t.Errorf("a folder that others could write has mode %o, want 700", got)
	}
}

func keepIn(t *testing.T, dir string) (*store.Folder, string, store.Picture) {
	t.Helper()
	base, host := imageHost(t, serve(smallPNG(t, 1)))
	folder := openAt(t, dir, store.Options{AllowHosts: []string{host}})
	p, err := fetchLink(t, folder, linkTo(base))
	if err != nil {
		t.Fatal(err)
	}
	return folder, dir, p
}

func mode(t *testing.T, path string) os.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	tests := map[string]struct {
		prepare func(path string) error
		want    string
	}{
		"a link": {func(path string) error { return os.Symlink(dir, path) }, "is a symbolic link"},
		"a file": {func(path string) error { return os.WriteFile(path, nil, 0o600) }, "is not a directory"},
		"a shared folder": {func(path string) error {
			if err := os.Mkdir(path, 0o700); err != nil {
				return err
			}
			return os.Chmod(path, 0o777|os.ModeSticky)
		}, "is shared with others"},
	}
	if os.Geteuid() == 0 {
		tests["another's folder"] = struct {
			prepare func(path string) error
			want    string
		}{func(path string) error {
			if err := os.Mkdir(path, 0o700); err != nil {
				return err
			}
			return os.Chown(path, 12345, 12345)
		}, "belongs to another user"}
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if runtime.GOOS == "windows" && name == "a shared folder" {
				t.Skip("Windows has access lists instead of modes")
			}
			path := filepath.Join(dir, name)
			if err := test.prepare(path); err != nil {
				t.Fatal(err)
			}
			folder, err := store.Open(path, store.Options{})
			if err == nil {
				release(folder)
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}
