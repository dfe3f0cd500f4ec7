package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"wan-image-mcp/resources/store"
)

func TestFetchKeepsThePicture(t *testing.T) {
	for mime, data := range map[string][]byte{
		"image/png":  smallPNG(t, 1),
		"image/jpeg": jpegOf(t, 40, 30),
		"image/webp": webpLossless(40, 30),
	} {
		t.Run(mime, func(t *testing.T) {
			folder, got, err := fetch(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/octet-stream") // lies, and is not believed
				_, _ = w.Write(data)
			})
			if err != nil {
				t.Fatal(err)
			}
			want := store.Picture{SHA256: hashOf(data), MIME: mime, Width: 40, Height: 30, Bytes: int64(len(data))}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			kept, err := folder.Bytes(got)
			if err != nil || !bytes.Equal(kept, data) {
				t.Errorf("kept %d bytes, %v; want the %d that were sent", len(kept), err, len(data))
			}
		})
	}
}

func TestFetchSendsNothingOfOurs(t *testing.T) {
	var seen []http.Header
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Clone())
		http.SetCookie(w, &http.Cookie{Name: "track", Value: "me", Path: "/"})
		http.Redirect(w, r, "/next", http.StatusFound)
	})
	mux.HandleFunc("/next", func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Clone())
		_, _ = w.Write(smallPNG(t, 1))
	})
	if _, _, err := fetch(t, mux.ServeHTTP); err != nil {
		t.Fatal(err)
	}
	want := http.Header{
		"Accept":          {"image/png, image/jpeg, image/webp"},
		"Accept-Encoding": {"identity"},
		"Connection":      {"close"},
		"User-Agent":      {"wan-image-mcp"},
	}
	if diff := cmp.Diff([]http.Header{want, want}, seen); diff != "" {
		t.Error(diff)
	}
}

func TestFetchStatus(t *testing.T) {
	for status, want := range map[int]error{
		403: store.ErrLinkExpired, 404: store.ErrLinkExpired, 410: store.ErrLinkExpired,
		206: nil, 204: nil, 304: nil, 400: nil, 408: nil, 429: nil, 500: nil, 502: nil, 503: nil, 504: nil,
	} {
		_, _, err := fetch(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write(smallPNG(t, 1))
		})
		checkKind(t, fmt.Sprint(status), err, want)
		if err != nil && !strings.Contains(err.Error(), fmt.Sprint(status)) {
			t.Errorf("the error of %d does not name it: %v", status, err)
		}
	}
}

// checkKind wants exactly one sentinel, or an error without any for nil.
func checkKind(t testing.TB, what string, err, want error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error", what)
		return
	}
	for _, kind := range []error{
		store.ErrLinkExpired, store.ErrNotAllowed, store.ErrNotPicture, store.ErrTooBig,
		store.ErrNoSpace, store.ErrDamaged, store.ErrMissing,
	} {
		if got := errors.Is(err, kind); got != (want != nil && errors.Is(want, kind)) {
			t.Errorf("%s: errors.Is(%q, %q) is %v", what, err, kind, got)
		}
	}
}

// A host that answers with the link it was asked for must not get it into our
// errors.
func TestFetchErrorsHideTheEcho(t *testing.T) {
	echoes := map[string]string{
		"status line": "HTTP/1.1 2x0 %s\r\n\r\n",
		"trailer":     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n0\r\n%s\r\n\r\n",
		"location":    "HTTP/1.1 302 Found\r\nLocation: http://[%s\r\n\r\n",
		"status text": "HTTP/1.1 500 %s\r\nContent-Length: 0\r\n\r\n",
	}
	for name, format := range echoes {
		t.Run(name, func(t *testing.T) {
			_, _, err := fetch(t, func(w http.ResponseWriter, r *http.Request) {
				conn, _, _ := w.(http.Hijacker).Hijack()
				defer release(conn)
				_, _ = fmt.Fprintf(conn, format, r.URL.RequestURI())
			})
			if err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestFetchEndsWithItsCaller(t *testing.T) {
	started := make(chan struct{})
	base, host := imageHost(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(smallPNG(t, 1)[:100])
		w.(http.Flusher).Flush()
		close(started)
		<-r.Context().Done()
	})
	folder := open(t, store.Options{AllowHosts: []string{host}})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-started
		cancel()
	}()
	_, err := folder.Fetch(ctx, linkTo(base))
	checkSecret(t, err)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestFetchTheSameAtOnce(t *testing.T) {
	data := smallPNG(t, 1)
	base, host := imageHost(t, serve(data))
	dir := filepath.Join(t.TempDir(), "pictures")
	folders := []*store.Folder{
		openAt(t, dir, store.Options{AllowHosts: []string{host}}),
		openAt(t, dir, store.Options{AllowHosts: []string{host}}),
	}
	var wait sync.WaitGroup
	for i := range 32 {
		wait.Go(func() {
			p, err := fetchLink(t, folders[i%2], linkTo(base))
			if err != nil {
				t.Error(err)
				return
			}
			if kept, err := folders[i%2].Bytes(p); err != nil || !bytes.Equal(kept, data) {
				t.Errorf("read %d bytes, %v", len(kept), err)
			}
		})
	}
	wait.Wait()
	if diff := cmp.Diff([]string{hashOf(data) + ".png"}, names(t, dir)); diff != "" {
		t.Error(diff)
	}
}
