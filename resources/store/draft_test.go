package store_test

import (
	"bufio"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"wan-image-mcp/resources/store"

	"github.com/google/go-cmp/cmp"
)

// What a crash between writing and renaming leaves is never a picture, and goes
// at a later start.
func TestSweep(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pictures")
	openAt(t, dir, store.Options{})
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer release(root)
	draft := func(age time.Duration, dead bool) string {
		d, err := store.Draft(root, smallPNG(t, 1))
		if err != nil {
			t.Fatal(err)
		}
		if dead {
			if err := d.Abandon(); err != nil {
				t.Fatal(err)
			}
		} else {
			t.Cleanup(func() { _ = d.Abandon() })
		}
		setAge(t, dir, d.Name(), age)
		return d.Name()
	}
	stranger := func(name string, age time.Duration) string {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		setAge(t, dir, name, age)
		return name
	}
	const year = 365 * 24 * time.Hour
	draft(store.DraftLife+time.Minute, true)
	stranger(".tmp-damaged-"+strings.Repeat("ab", 32)+".png", store.DamagedLife+time.Minute)
	want := []string{
		draft(store.DraftLife-time.Minute, true),
		draft(store.DraftLife+time.Minute, false), // its writer slept, but lives
		stranger(".tmp-damaged-"+strings.Repeat("cd", 32)+".png", store.DamagedLife-time.Minute),
		stranger(strings.Repeat("ef", 32)+".png", year),
		stranger(".tmp-of-somebody-else", year),
		stranger(".tmp-OTHERS", year),
		stranger("notes.txt", year),
	}
	folder := openAt(t, dir, store.Options{})
	slices.Sort(want)
	if diff := cmp.Diff(want, names(t, dir)); diff != "" {
		t.Error(diff)
	}
	if entries, err := folder.List(); err != nil || len(entries) != 1 {
		t.Errorf("drafts are listed: %v, %v", entries, err)
	}
}

func setAge(t *testing.T, dir, name string, age time.Duration) {
	t.Helper()
	when := time.Now().Add(-age)
	if err := os.Chtimes(filepath.Join(dir, name), when, when); err != nil {
		t.Fatal(err)
	}
}

// TestKill kills processes that fetch into one folder at random moments. What
// they said was kept is there, and nothing half written has a picture's name.
func TestKill(t *testing.T) {
	data := megabytes(600_000)
	base, host := imageHost(t, serve(data))
	dir := filepath.Join(t.TempDir(), "pictures")
	folder := openAt(t, dir, store.Options{})
	env := map[string]string{"STORE_DIR": dir, "STORE_HOST": host, "STORE_LINK": linkTo(base)}
	kept := false
	for life := range 12 {
		child := childCommand(t, "fetch forever", env)
		output, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(output)
		if life%2 == 0 { // kill it inside a later picture, else inside its first
			kept = lines.Scan() || kept
		}
		time.Sleep(time.Duration(life) * 5 * time.Millisecond)
		_ = child.Process.Kill()
		for lines.Scan() {
			kept = true
		}
		_ = child.Wait()
		checkNames(t, dir)
		if kept {
			if _, err := folder.Bytes(store.Picture{SHA256: hashOf(data), MIME: "image/png"}); err != nil {
				t.Errorf("life %d: %v", life, err)
			}
			if err := folder.Remove(hashOf(data)); err != nil {
				t.Error(err)
			}
			kept = false
		}
	}
}

// Two processes that fetch the same picture at once both get it.
func TestTwoProcesses(t *testing.T) {
	data := smallPNG(t, 1)
	base, host := imageHost(t, serve(data))
	dir := filepath.Join(t.TempDir(), "pictures")
	env := map[string]string{"STORE_DIR": dir, "STORE_HOST": host, "STORE_LINK": linkTo(base)}
	answers := make(chan string, 4)
	for range cap(answers) {
		child := childCommand(t, "fetch", env)
		go func() {
			output, err := child.Output()
			if err != nil {
				output = []byte(err.Error())
			}
			answers <- string(output)
		}()
	}
	for range cap(answers) {
		if got := <-answers; got != "kept "+hashOf(data) {
			t.Error(got)
		}
	}
	if diff := cmp.Diff([]string{hashOf(data) + ".png"}, names(t, dir)); diff != "" {
		t.Error(diff)
	}
}

// Where the file system has no hard links, a copy still never replaces a file.
func TestClaimUnlinked(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer release(root)
	for i, want := range []error{nil, fs.ErrExist} {
		d, err := store.Draft(root, []byte{byte('a' + i)})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Abandon(); err != nil {
			t.Fatal(err)
		}
		if err := d.ClaimUnlinked("a.png"); !isError(err, want) {
			t.Errorf("claim %d: got %v, want %v", i, err, want)
		}
	}
	if got, err := os.ReadFile(filepath.Join(dir, "a.png")); string(got) != "a" || err != nil {
		t.Errorf("the first file holds %q, %v", got, err)
	}
}
