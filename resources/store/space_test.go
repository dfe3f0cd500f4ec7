package store_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wan-image-mcp/resources/store"
)

func TestRoom(t *testing.T) {
	data := smallPNG(t, 1)
	size := int64(len(data))
	tests := map[string]struct {
		o    store.Options
		need int64
		want error
	}{
		"defaults":           {store.Options{}, size, nil},
		"just fits":          {store.Options{MaxBytes: 3 * size}, 2 * size, nil},
		"one byte too many":  {store.Options{MaxBytes: 3 * size}, 2*size + 1, store.ErrNoSpace},
		"already over":       {store.Options{MaxBytes: size - 1}, -1 << 40, store.ErrNoSpace},
		"all there is":       {store.Options{MinFree: -1}, 1<<63 - 1, store.ErrNoSpace},
		"nothing, or less":   {store.Options{}, -5, nil},
		"floor of the disk":  {store.Options{MinFree: 1 << 60}, 0, store.ErrNoSpace},
		"no floor":           {store.Options{MinFree: -1}, size, nil},
		"more than the disk": {store.Options{MinFree: 1, MaxBytes: 1 << 61}, 1 << 60, store.ErrNoSpace},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			folder, dir, _ := keep(t, test.o, data)
			err := folder.Room(test.need)
			if test.want == nil {
				if err != nil {
					t.Error(err)
				}
				if left := names(t, dir); len(left) != 1 {
					t.Errorf("Room leaves %q", left)
				}
				return
			}
			checkKind(t, name, err, test.want)
			if !strings.Contains(err.Error(), dir) {
				t.Errorf("the error does not say where: %v", err)
			}
		})
	}
}

// What was paid for is kept, even over the limit that Room holds.
func TestFetchKeepsWhatIsPaidFor(t *testing.T) {
	folder, _, _ := keep(t, store.Options{MaxBytes: 1, MinFree: 1 << 60}, smallPNG(t, 1))
	checkKind(t, "afterwards", folder.Room(0), store.ErrNoSpace)
}

// Two folders of one directory stand for two processes: each sees its own
// changes at once and the other's after one scan.
func TestUsedOfSeveralProcesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "pictures")
		mine, theirs := openAt(t, dir, store.Options{}), openAt(t, dir, store.Options{})
		check := func(folder *store.Folder, want int64) {
			t.Helper()
			if got, err := folder.Used(); got != want || err != nil {
				t.Errorf("got %d, %v; want %d", got, err, want)
			}
		}
		check(mine, 0)
		check(theirs, 0)
		sha := strings.Repeat("ab", 32)
		if err := os.WriteFile(filepath.Join(dir, sha+".png"), make([]byte, 1000), 0o600); err != nil {
			t.Fatal(err)
		}
		check(mine, 0) // not looked again
		time.Sleep(store.UsageLife)
		check(mine, 1000)
		check(theirs, 1000)
		if err := mine.Remove(sha); err != nil {
			t.Fatal(err)
		}
		check(mine, 0)
		time.Sleep(store.UsageLife)
		check(theirs, 0)
	})
}

func TestUsedAfterAFetch(t *testing.T) {
	data := smallPNG(t, 1)
	base, host := imageHost(t, serve(data))
	folder := open(t, store.Options{AllowHosts: []string{host}})
	if used, err := folder.Used(); used != 0 || err != nil {
		t.Errorf("got %d, %v", used, err)
	}
	if _, err := fetchLink(t, folder, linkTo(base)); err != nil {
		t.Fatal(err)
	}
	if used, err := folder.Used(); used != int64(len(data)) || err != nil {
		t.Errorf("got %d, %v; want %d", used, err, len(data))
	}
}
