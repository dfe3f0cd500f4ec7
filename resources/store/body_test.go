package store_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"wan-image-mcp/resources/store"
)

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

// An endless body is let go of at the limit, not later.
func TestFetchStopsAtTheLimit(t *testing.T) {
	const limit = 1 << 20
	read := 0
	folder := open(t, store.Options{MaxPicture: limit, Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		resp := answer(r, nil)
		endless := io.MultiReader(bytes.NewReader(pngHeader(9, 9)), forever(pngChunk("IDAT", nil)))
		resp.Body, resp.ContentLength = io.NopCloser(counter{endless, &read}), -1
		return resp, nil
	})})
	_, err := fetchLink(t, folder, linkTo("https://"+bucket))
	checkKind(t, "endless", err, store.ErrTooBig)
	if read > limit+64<<10 {
		t.Errorf("%d bytes were read of an endless body", read)
	}
}

// forever repeats itself.
type forever []byte

func (f forever) Read(p []byte) (int, error) {
	n := 0
	for n+len(f) <= len(p) {
		n += copy(p[n:], f)
	}
	return n, nil
}

type counter struct {
	io.Reader
	read *int
}

func (c counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	*c.read += n
	return n, err
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
