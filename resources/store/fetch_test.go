package store_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"wan-image-mcp/resources/store"

	"github.com/google/go-cmp/cmp"
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

func TestFetchRefusesBodies(t *testing.T) {
	whole := smallPNG(t, 1)
	promise := func(length int, body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { rawAnswer(w, length, body) }
	}
	tests := map[string]struct {
		host http.HandlerFunc
		want error // nil is passing trouble
	}{
		"web page":              {serve([]byte("<!DOCTYPE html><html><body>Sign in</body></html>")), store.ErrNotPicture},
		"SVG":                   {serve([]byte(`<svg xmlns="http://www.w3.org/2000/svg"></svg>`)), store.ErrNotPicture},
		"JSON":                  {serve([]byte(`{"code":"AccessDenied"}`)), store.ErrNotPicture},
		"GIF":                   {serve([]byte("GIF89a\x01\x00\x01\x00\x00\x00\x00;")), store.ErrNotPicture},
		"empty":                 {serve(nil), store.ErrDamaged},
		"truncated PNG":         {serve(whole[:len(whole)-20]), store.ErrDamaged},
		"bytes behind the end":  {serve(append(bytes.Clone(whole), '\n')), store.ErrDamaged},
		"flipped bit":           {serve(flip(whole, len(whole)/2)), store.ErrDamaged},
		"shorter than promised": {promise(len(whole)+1, whole), nil},
		"longer than promised":  {promise(len(whole)-30, whole), store.ErrDamaged},
		"promised too long":     {promise(2<<20, whole), store.ErrTooBig},
		"cut":                   {cut(whole[:100]), nil},
		"endless":               {endless, store.ErrTooBig},
		"too many pixels":       {serve(append(pngHeader(16000, 16000), whole[33:]...)), store.ErrTooBig},
		"too wide":              {serve(append(pngHeader(16385, 1), whole[33:]...)), store.ErrTooBig},
		"2^31 pixels wide":      {serve(append(pngHeader(1<<31-1, 1<<31-1), whole[33:]...)), store.ErrTooBig},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			folder, _, err := fetch(t, test.host)
			checkKind(t, name, err, test.want)
			if used, err := folder.Used(); used != 0 || err != nil {
				t.Errorf("%d bytes are left in the folder, %v", used, err)
			}
		})
	}
}

func flip(data []byte, at int) []byte {
	data = bytes.Clone(data)
	data[at] ^= 4
	return data
}

// rawAnswer writes an answer whose length need not be true.
func rawAnswer(w http.ResponseWriter, length int, body []byte) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	defer release(conn)
	_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", length)
	_, _ = conn.Write(body)
}

// cut breaks a chunked answer off.
func cut(start []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(start)
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

// endless sends a PNG whose pixels never end.
func endless(w http.ResponseWriter, _ *http.Request) {
	_, err := w.Write(pngHeader(100, 100))
	chunk := pngChunk("IDAT", make([]byte, 32<<10))
	for err == nil {
		_, err = w.Write(chunk)
	}
}

func TestFetchRefusesCompression(t *testing.T) {
	for _, encoding := range []string{"gzip", "br", "deflate", "identity, gzip"} {
		var sent atomic.Int64
		_, _, err := fetch(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", encoding)
			n, _ := w.Write(smallPNG(t, 1))
			sent.Add(int64(n))
		})
		checkKind(t, encoding, err, store.ErrNotPicture)
	}
	folder := open(t, store.Options{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		resp := answer(r, smallPNG(t, 1))
		resp.Uncompressed = true // what a transport that unpacks by itself says
		return resp, nil
	})})
	_, err := fetchLink(t, folder, linkTo("https://bucket.oss-cn-beijing.aliyuncs.com"))
	checkKind(t, "unpacked on the way", err, store.ErrNotPicture)
}

func answer(r *http.Request, body []byte) *http.Response {
	recorder := httptest.NewRecorder()
	_, _ = recorder.Write(body)
	resp := recorder.Result()
	resp.Request, resp.ContentLength = r, int64(len(body))
	return resp
}

// A transport that does not hold the host to its length is held to it here.
func TestFetchComparesTheLength(t *testing.T) {
	folder := open(t, store.Options{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		resp := answer(r, smallPNG(t, 1))
		resp.ContentLength++
		return resp, nil
	})})
	_, err := fetchLink(t, folder, linkTo("https://bucket.oss-cn-beijing.aliyuncs.com"))
	checkKind(t, "wrong length", err, nil)
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

// An answer without length or chunks ends where the connection does; the
// picture's own end decides whether it is whole.
func TestFetchWithoutLength(t *testing.T) {
	data := smallPNG(t, 1)
	for name, test := range map[string]struct {
		body []byte
		want error
	}{"whole": {data, nil}, "cut": {data[:len(data)-1], store.ErrDamaged}} {
		_, _, err := fetch(t, func(w http.ResponseWriter, _ *http.Request) {
			conn, buffer, _ := w.(http.Hijacker).Hijack()
			defer release(conn)
			closeDelimited(buffer.Writer, test.body)
		})
		if !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", name, err, test.want)
		}
	}
}

func closeDelimited(w *bufio.Writer, body []byte) {
	_, _ = io.WriteString(w, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
	_, _ = w.Write(body)
	_ = w.Flush()
}
