package store_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"wan-image-mcp/resources/store"

	"github.com/google/go-cmp/cmp"
)

func TestExport(t *testing.T) {
	data := smallPNG(t, 1)
	folder, _, p := keep(t, store.Options{}, data)
	dir := filepath.Join(t.TempDir(), "Pictures", "wan-image-mcp")
	export := func(name string) string {
		t.Helper()
		path, err := folder.Export(p, dir, name)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s holds %d bytes, %v", path, len(got), err)
		}
		return path
	}
	want := filepath.Join(dir, "shop-1.png")
	if got := export("shop-1.png"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := export("shop-1.png"); got != want {
		t.Errorf("the same picture again is %s, want %s", got, want)
	}
	// What else may have the name: other bytes of the same length, a link to the
	// very same bytes, a folder.
	mustWrite(t, filepath.Join(dir, "taken.png"), flip(data, 9))
	if err := os.Symlink(want, filepath.Join(dir, "taken-2.png")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "taken-3.png"), 0o700); err != nil {
		t.Fatal(err)
	}
	want = filepath.Join(dir, "taken-4.png")
	if got := export("taken.png"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	mustWrite(t, filepath.Join(dir, "gap.png"), []byte("other"))
	mustWrite(t, filepath.Join(dir, "gap-2.png"), data)
	want = filepath.Join(dir, "gap-2.png")
	if got := export("gap.png"); got != want {
		t.Errorf("got %s, want the copy that is there, %s", got, want)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "taken.png")); err != nil || !bytes.Equal(got, flip(data, 9)) {
		t.Error("a file was overwritten")
	}
	wantNames := []string{"gap-2.png", "gap.png", "shop-1.png", "taken-2.png", "taken-3.png", "taken-4.png", "taken.png"}
	if diff := cmp.Diff(wantNames, names(t, dir)); diff != "" {
		t.Error(diff)
	}
}

func mustWrite(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A copy is a copy: editing it leaves the folder's own picture whole.
func TestExportIsNoLink(t *testing.T) {
	folder, _, p := keep(t, store.Options{}, smallPNG(t, 1))
	path, err := folder.Export(p, t.TempDir(), "a.png")
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, path, []byte("edited"))
	if _, err := folder.Bytes(p); err != nil {
		t.Error(err)
	}
}

func TestExportMakesPathsAbsolute(t *testing.T) {
	folder, _, p := keep(t, store.Options{}, smallPNG(t, 1))
	here := t.TempDir()
	t.Chdir(here)
	path, err := folder.Export(p, "out", "a.png")
	if err != nil || !filepath.IsAbs(path) || filepath.Base(filepath.Dir(path)) != "out" {
		t.Errorf("got %s, %v", path, err)
	}
}

func TestExportAtOnce(t *testing.T) {
	one, two := smallPNG(t, 1), smallPNG(t, 2)
	base, host := imageHost(t, serve(two))
	folder, _, first := keep(t, store.Options{AllowHosts: []string{host}}, one)
	second, err := fetchLink(t, folder, linkTo(base))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var wait sync.WaitGroup
	for i := range 32 {
		p := []store.Picture{first, second}[i%2]
		wait.Go(func() {
			path, err := folder.Export(p, dir, "a.png")
			if err != nil {
				t.Error(err)
				return
			}
			if got, err := os.ReadFile(path); err != nil || hashOf(got) != p.SHA256 {
				t.Errorf("%s is not the picture, %v", path, err)
			}
		})
	}
	wait.Wait()
	if diff := cmp.Diff([]string{"a-2.png", "a.png"}, names(t, dir)); diff != "" {
		t.Error(diff)
	}
}

func TestExportRefusesNames(t *testing.T) {
	folder, _, p := keep(t, store.Options{}, smallPNG(t, 1))
	dir := t.TempDir()
	for _, name := range []string{
		"", ".", "..", "../a.png", "a/b.png", `a\b.png`, "/a.png", "C:a.png", "a.png:stream", "a?.png", "a*.png", "a\x00.png",
		"a\n.png", "a.png.", "a.png ", "con.png", "NUL", "Com1.png", "lpt¹.png", "aux .png", strings.Repeat("a", 256),
	} {
		if path, err := folder.Export(p, dir, name); err == nil {
			t.Errorf("%q is taken: %s", name, path)
		}
	}
	for _, name := range []string{"a.png", "花店-1.png", "console.png", "com.png", "com12.png", ".a.png", "a b.png"} {
		if _, err := folder.Export(p, dir, name); err != nil {
			t.Error(err)
		}
	}
}

func TestExportIntoAFile(t *testing.T) {
	folder, _, p := keep(t, store.Options{}, smallPNG(t, 1))
	path := filepath.Join(t.TempDir(), "file")
	mustWrite(t, path, nil)
	if _, err := folder.Export(p, path, "a.png"); err == nil || !strings.Contains(err.Error(), "cannot be saved in "+path) {
		t.Errorf("got %v", err)
	}
}

// Drafts of our own that a crash left go, the dot files of others stay.
func TestExportSweeps(t *testing.T) {
	folder, _, p := keep(t, store.Options{}, smallPNG(t, 1))
	dir := t.TempDir()
	for _, name := range []string{".tmp-ABCDEFGHIJKLMNOPQRSTUVWXYZ", ".tmp-other", ".hidden"} {
		mustWrite(t, filepath.Join(dir, name), []byte("x"))
		setAge(t, dir, name, 2*store.DraftLife)
	}
	if _, err := folder.Export(p, dir, "a.png"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{".hidden", ".tmp-other", "a.png"}, names(t, dir)); diff != "" {
		t.Error(diff)
	}
}
