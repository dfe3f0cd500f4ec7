package store_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// BenchmarkDownload fetches pictures of 4 MB over loopback, 1, 8 and 64 at once,
// in a process of its own, and tells the peak of its resident memory and the CPU
// per picture. The baseline does the same durable steps with io.ReadAll: get,
// read, hash, write, sync, rename, delete.
//
//	go test -bench Download -run '^$' ./resources/store
func BenchmarkDownload(b *testing.B) {
	base, host := imageHost(b, distinctPictures(megabytes(4_000_000)))
	for _, atOnce := range []int{1, 8, 64} {
		var baseline usage
		for _, way := range []string{"readall", "store"} {
			b.Run(fmt.Sprintf("%s-%d", way, atOnce), func(b *testing.B) {
				got := download(b, way, base, host, atOnce, max(b.N, 2*atOnce))
				b.ReportMetric(got.peak, "peak-MB")
				b.ReportMetric(got.cpu, "cpu-ms/picture")
				b.ReportMetric(0, "ns/op")
				if way == "readall" {
					baseline = got
					return
				}
				if got.peak > 32 {
					b.Errorf("%d downloads at once took %.0f MB, want at most 32", atOnce, got.peak)
				}
				b.ReportMetric(got.peak/baseline.peak, "x-peak-of-readall")
				b.ReportMetric(got.cpu/baseline.cpu, "x-cpu-of-readall")
			})
		}
	}
}

// usage is what one process took.
type usage struct{ peak, cpu float64 }

func download(b *testing.B, way, base, host string, atOnce, pictures int) usage {
	b.Helper()
	child := childCommand(b, "download", map[string]string{
		"STORE_WAY": way, "STORE_LINK": base, "STORE_HOST": host, "STORE_DIR": filepath.Join(b.TempDir(), "pictures"),
		"STORE_AT_ONCE": strconv.Itoa(atOnce), "STORE_PICTURES": strconv.Itoa(pictures),
	})
	output, err := child.Output()
	if err != nil {
		b.Fatal(err)
	}
	var kilobytes float64
	if _, err := fmt.Sscanf(string(output), "peak %f", &kilobytes); err != nil {
		b.Fatalf("the process says %q", output)
	}
	cpu := child.ProcessState.UserTime() + child.ProcessState.SystemTime()
	return usage{peak: kilobytes / 1024, cpu: float64(cpu.Microseconds()) / 1000 / float64(pictures)}
}

// distinctPictures answers each request with another picture: the same pixels
// under another number.
func distinctPictures(data []byte) http.HandlerFunc {
	const header = 8 + 25
	var number atomic.Int64
	return func(w http.ResponseWriter, _ *http.Request) {
		text := pngChunk("tEXt", fmt.Appendf(nil, "Number\x00%d", number.Add(1)))
		w.Header().Set("Content-Length", strconv.Itoa(len(data)+len(text)))
		for _, part := range [][]byte{data[:header], text, data[header:]} {
			if _, err := w.Write(part); err != nil {
				return
			}
		}
	}
}

func childDownload(out io.Writer) error {
	atOnce, err := strconv.Atoi(os.Getenv("STORE_AT_ONCE"))
	if err != nil {
		return err
	}
	pictures, err := strconv.ParseInt(os.Getenv("STORE_PICTURES"), 10, 64)
	if err != nil {
		return err
	}
	one := readAll
	if os.Getenv("STORE_WAY") == "store" {
		folder, err := childFolder()
		if err != nil {
			return err
		}
		one = func(link string) error {
			p, err := folder.Fetch(context.Background(), link)
			if err != nil {
				return err
			}
			return folder.Remove(p.SHA256)
		}
	} else if err := os.MkdirAll(os.Getenv("STORE_DIR"), 0o700); err != nil {
		return err
	}
	var started atomic.Int64
	failed := make(chan error, atOnce)
	var wait sync.WaitGroup
	for range atOnce {
		wait.Go(func() {
			for started.Add(1) <= pictures {
				if err := one(os.Getenv("STORE_LINK")); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	wait.Wait()
	select {
	case err := <-failed:
		return err
	default:
	}
	return printPeak(out)
}

// readAll is the usual way.
func readAll(link string) error {
	resp, err := http.Get(link)
	if err != nil {
		return err
	}
	defer release(resp.Body)
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	name := filepath.Join(os.Getenv("STORE_DIR"), fmt.Sprintf("%x", sha256.Sum256(data)))
	file, err := os.Create(name + ".tmp")
	if err != nil {
		return err
	}
	if _, err := io.Copy(file, bytes.NewReader(data)); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	if err := os.Rename(name+".tmp", name); err != nil {
		return err
	}
	return os.Remove(name)
}

// printPeak prints the peak of the resident memory in kilobytes, as Linux tells
// it.
func printPeak(out io.Writer) error {
	status, err := os.Open("/proc/self/status")
	if err != nil {
		return err
	}
	defer release(status)
	for lines := bufio.NewScanner(status); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			_, err := fmt.Fprint(out, "peak ", strings.Fields(value)[0])
			return err
		}
	}
	return io.ErrUnexpectedEOF
}
