package store_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wan-image-mcp/resources/store"
)

// canary stands in every link of these tests; no error may repeat it.
const canary = "S1gnatureCanary"

// linkTo is a signed link to a picture on host.
func linkTo(base string) string {
	return base + "/path-" + canary + "/picture.png?Expires=1790000000&OSSAccessKeyId=LTAI-" + canary + "&Signature=" + canary + "%2Fx%3D"
}

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// open opens a folder in a new directory for the length of the test.
func open(t testing.TB, o store.Options) *store.Folder {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "pictures"), o)
}

func openAt(t testing.TB, dir string, o store.Options) *store.Folder {
	t.Helper()
	if o.Proxy == nil { // the machine's own proxy has no say in tests
		o.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
	}
	folder, err := store.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := folder.Close(); err != nil {
			t.Error(err)
		}
	})
	return folder
}

// imageHost serves handler on loopback and names itself as AllowHosts wants.
func imageHost(t testing.TB, handler http.HandlerFunc) (base, hostPort string) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL, strings.TrimPrefix(server.URL, "http://")
}

func serve(body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }
}

// fetch fetches from a host with this handler into a new folder.
func fetch(t testing.TB, handler http.HandlerFunc) (*store.Folder, store.Picture, error) {
	t.Helper()
	base, host := imageHost(t, handler)
	folder := open(t, store.Options{AllowHosts: []string{host}, MaxPicture: 1 << 20})
	p, err := fetchLink(t, folder, linkTo(base))
	return folder, p, err
}

// fetchLink fetches and holds every error to the rule about links.
func fetchLink(t testing.TB, folder *store.Folder, link string) (store.Picture, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	p, err := folder.Fetch(ctx, link)
	checkSecret(t, err)
	return p, err
}

func checkSecret(t testing.TB, err error) {
	t.Helper()
	if err != nil && strings.Contains(err.Error(), canary) {
		t.Errorf("the error repeats the link: %v", err)
	}
}

// keep puts data into a folder by fetching it.
func keep(t testing.TB, o store.Options, data []byte) (*store.Folder, string, store.Picture) {
	t.Helper()
	base, host := imageHost(t, serve(data))
	o.AllowHosts = append(o.AllowHosts, host)
	dir := filepath.Join(t.TempDir(), "pictures")
	folder := openAt(t, dir, o)
	p, err := fetchLink(t, folder, linkTo(base))
	if err != nil {
		t.Fatal(err)
	}
	return folder, dir, p
}

// names lists a directory.
func names(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// checkNames holds a folder to its invariant: each file is named after its
// SHA-256 or begins with .tmp-.
func checkNames(t testing.TB, dir string) {
	t.Helper()
	for _, name := range names(t, dir) {
		if strings.HasPrefix(name, ".tmp-") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if want := hashOf(data) + ".png"; name != want {
			t.Errorf("a file is named %s and should be %s", name, want)
		}
	}
}

// roundTrip is a transport made of a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// isError is errors.Is, where nil only is nil.
func isError(err, want error) bool { return errors.Is(err, want) && (err == nil) == (want == nil) }

// answerWith is a transport that always brings data.
func answerWith(data []byte) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) { return answer(r, data), nil })
}

// release closes where the closing has nothing to tell.
func release(c io.Closer) { _ = c.Close() }
