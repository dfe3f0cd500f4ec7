package store_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"wan-image-mcp/resources/store"
)

// overPipe is a real transport whose connections end in host, in this process,
// so that time can be fake.
func overPipe(host func(net.Conn)) *http.Transport {
	return &http.Transport{
		DisableKeepAlives: true,
		DialTLSContext: func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			go func() {
				defer release(far)
				if _, err := http.ReadRequest(bufio.NewReader(far)); err == nil {
					host(far)
				}
			}()
			return near, nil
		},
	}
}

// drip sends a PNG that never ends at a pace of bytes per second.
func drip(rate int) func(net.Conn) {
	return func(conn net.Conn) {
		_, err := conn.Write(append([]byte("HTTP/1.1 200 OK\r\n\r\n"), pngHeader(10, 10)...))
		chunk := pngChunk("IDAT", make([]byte, rate-12))
		for err == nil {
			time.Sleep(time.Second)
			_, err = conn.Write(chunk)
		}
	}
}

func TestFetchTime(t *testing.T) {
	data := smallPNG(t, 1)
	tests := map[string]struct {
		host  func(net.Conn)
		after time.Duration // when it is given up; 0 means that it succeeds
	}{
		"no answer":         {func(conn net.Conn) { _, _ = conn.Read(make([]byte, 1)) }, store.FetchTime},
		"a byte per second": {drip(13), store.SlowTime},
		"just too slow":     {drip(store.SlowRate - 1<<10), store.SlowTime},
		"just fast enough":  {drip(store.SlowRate + 1<<10), store.FetchTime},
		"stops after 20 s": {func(conn net.Conn) {
			_, err := conn.Write(append([]byte("HTTP/1.1 200 OK\r\n\r\n"), pngHeader(10, 10)...))
			for i := 0; i < 20 && err == nil; i++ {
				_, err = conn.Write(pngChunk("IDAT", make([]byte, 200<<10)))
				time.Sleep(time.Second)
			}
			_, _ = conn.Read(make([]byte, 1))
		}, 50 * time.Second},
		"late but whole": {func(conn net.Conn) {
			time.Sleep(25 * time.Second)
			_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(data))
			for _, half := range [][]byte{data[:100], data[100:]} {
				_, _ = conn.Write(half)
				time.Sleep(25 * time.Second)
			}
		}, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				folder := open(t, store.Options{Transport: overPipe(test.host)})
				defer time.Sleep(time.Minute) // until the host has noticed
				begin := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				p, err := folder.Fetch(ctx, linkTo("https://"+bucket))
				checkSecret(t, err)
				took := time.Since(begin)
				if test.after == 0 {
					kept, readErr := folder.Bytes(p)
					if err != nil || readErr != nil || !bytes.Equal(kept, data) {
						t.Errorf("got %v, %v", err, readErr)
					}
					return
				}
				checkKind(t, name, err, nil)
				if took < test.after || took > test.after+6*time.Second {
					t.Errorf("given up after %v with %v, want %v", took, err, test.after)
				}
				if errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v looks like the caller's own deadline", err)
				}
			})
		})
	}
}

func TestFetchEndsAtTheCallersDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := open(t, store.Options{Transport: overPipe(drip(store.SlowRate * 2))})
		defer time.Sleep(time.Minute) // until the host has noticed
		ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Second, errors.New("the caller's own reason"))
		defer cancel()
		_, err := folder.Fetch(ctx, linkTo("https://"+bucket))
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}
