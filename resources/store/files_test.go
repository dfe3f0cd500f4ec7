package store_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wan-image-mcp/resources/store"

	"github.com/google/go-cmp/cmp"
)

func TestOpenReads(t *testing.T) {
	data := smallPNG(t, 1)
	folder, _, p := keep(t, store.Options{}, data)
	file, err := folder.Open(p)
	if err != nil {
		t.Fatal(err)
	}
	defer release(file)
	got, err := io.ReadAll(file)
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("read %d bytes, %v", len(got), err)
	}
}

// A damaged file is noticed by every reader, moved away, and repaired by a fetch.
func TestDamage(t *testing.T) {
	data := smallPNG(t, 1)
	base, host := imageHost(t, serve(data))
	readers := map[string]func(*store.Folder, store.Picture) error{
		"Open": func(f *store.Folder, p store.Picture) error {
			_, err := f.Open(p)
			return err
		},
		"Bytes": func(f *store.Folder, p store.Picture) error {
			got, err := f.Bytes(p)
			if got != nil {
				t.Error("Bytes hands out damaged bytes")
			}
			return err
		},
		"Export": func(f *store.Folder, p store.Picture) error {
			dir := t.TempDir()
			_, err := f.Export(p, dir, "a.png")
			if left := names(t, dir); len(left) > 0 {
				t.Errorf("Export leaves %q", left)
			}
			return err
		},
		"Preview": func(f *store.Folder, p store.Picture) error {
			_, _, _, err := f.Preview(t.Context(), p, store.PreviewSize{})
			return err
		},
	}
	damages := map[string][]byte{"flipped": flip(data, 50), "cut": data[:50], "longer": append(bytes.Clone(data), 0), "empty": nil}
	for reader, read := range readers {
		for damage, damaged := range damages {
			t.Run(reader+" "+damage, func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "pictures")
				folder := openAt(t, dir, store.Options{AllowHosts: []string{host}})
				p, err := fetchLink(t, folder, linkTo(base))
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, p.SHA256+".png"), damaged, 0o600); err != nil {
					t.Fatal(err)
				}
				checkKind(t, "damaged", read(folder, p), store.ErrDamaged)
				checkNames(t, dir)
				if folder.Has(p.SHA256) {
					t.Error("Has still finds it")
				}
				checkKind(t, "moved", read(folder, p), store.ErrMissing)
				if _, err := fetchLink(t, folder, linkTo(base)); err != nil {
					t.Error(err)
				}
				if got, err := folder.Bytes(p); err != nil || !bytes.Equal(got, data) {
					t.Errorf("after a new fetch: %v", err)
				}
			})
		}
	}
}

// Between reading a damaged file and moving it another process may have repaired
// it: what it put there stays.
func TestDamageThatIsRepairedMeanwhile(t *testing.T) {
	data := smallPNG(t, 1)
	folder, dir, p := keep(t, store.Options{}, data)
	damaged, err := folder.Open(p)
	if err != nil {
		t.Fatal(err)
	}
	defer release(damaged)
	path := filepath.Join(dir, p.SHA256+".png")
	mustWrite(t, path+".new", data)
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	checkKind(t, "read before", folder.SetAside(p, damaged), store.ErrDamaged)
	if _, err := folder.Bytes(p); err != nil {
		t.Errorf("the repaired picture is gone: %v", err)
	}
}

func TestMissing(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	folder, dir, p := keep(t, store.Options{}, smallPNG(t, 1))
	absent := strings.Repeat("ab", 32)
	mustWrite(t, filepath.Join(dir, absent), []byte("no picture"))
	if err := os.Symlink(outside, filepath.Join(dir, strings.Repeat("cd", 32)+".png")); err != nil {
		t.Fatal(err)
	}
	for _, missing := range []store.Picture{
		{},
		{SHA256: absent, MIME: "image/png"},
		{SHA256: absent},
		{SHA256: p.SHA256, MIME: "image/jpeg"},
		{SHA256: p.SHA256, MIME: "image/svg+xml"},
		{SHA256: strings.ToUpper(p.SHA256), MIME: "image/png"},
		{SHA256: "../../../../../../etc/passwd", MIME: "image/png"},
		{SHA256: outside, MIME: "image/png"},
		{SHA256: p.SHA256[:63] + "/", MIME: "image/png"},
		{SHA256: p.SHA256[:63] + "\x00", MIME: "image/png"},
	} {
		_, err := folder.Open(missing)
		checkKind(t, missing.SHA256, err, store.ErrMissing)
	}
	if _, err := folder.Open(store.Picture{SHA256: strings.Repeat("cd", 32), MIME: "image/png"}); err == nil {
		t.Error("a link out of the folder is followed")
	}
	for sha, want := range map[string]bool{
		p.SHA256: true, absent: false, "": false, "../x": false, strings.Repeat("cd", 32): false,
	} {
		if got := folder.Has(sha); got != want {
			t.Errorf("Has(%q) is %v", sha, got)
		}
	}
}

func TestListAndRemove(t *testing.T) {
	older, newer := smallPNG(t, 1), jpegOf(t, 20, 20)
	base, host := imageHost(t, serve(older))
	folder, dir, second := keep(t, store.Options{AllowHosts: []string{host}}, newer)
	first, err := fetchLink(t, folder, linkTo(base))
	if err != nil {
		t.Fatal(err)
	}
	stored := time.Now().Add(-time.Hour).Truncate(time.Second)
	if err := os.Chtimes(filepath.Join(dir, first.SHA256+".png"), stored, stored); err != nil {
		t.Fatal(err)
	}
	for _, stranger := range []string{"notes.txt", ".tmp-x", first.SHA256 + ".gif", first.SHA256} {
		if err := os.WriteFile(filepath.Join(dir, stranger), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := folder.List()
	if err != nil || len(got) != 2 {
		t.Fatalf("got %v, %v", got, err)
	}
	got[1].Stored = time.Time{}
	want := []store.Entry{
		{SHA256: first.SHA256, MIME: "image/png", Bytes: int64(len(older)), Stored: stored},
		{SHA256: second.SHA256, MIME: "image/jpeg", Bytes: int64(len(newer))},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for range 2 { // the second time there is nothing to delete, which is fine
		if err := folder.Remove(first.SHA256); err != nil {
			t.Error(err)
		}
	}
	if folder.Has(first.SHA256) || !folder.Has(second.SHA256) {
		t.Error("Remove deleted the wrong file")
	}
	if err := folder.Remove("../" + first.SHA256[3:]); err == nil {
		t.Error("Remove takes a path")
	}
}
