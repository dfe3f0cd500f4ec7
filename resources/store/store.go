// Package store fetches and keeps pictures that somebody paid for.
package store

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"time"
)

// Picture is one picture in a folder.
type Picture struct {
	SHA256        string // of the bytes, 64 hex digits in lower case
	MIME          string // image/png, image/jpeg or image/webp
	Width, Height int    // pixels
	Bytes         int64
}

// Options of a folder. The zero value is the one to use with the real service.
type Options struct {
	// MaxBytes is how much the pictures may take together; 0 means 2 GiB.
	MaxBytes int64
	// MinFree is how much of the disk stays free; 0 means 512 MiB, negative none.
	MinFree int64
	// MaxPicture is the longest picture in bytes; 0 means 25 MiB.
	MaxPicture int64
	// AllowHosts names image hosts, each as HOST:PORT, that are exempt from the
	// checks of scheme, port, name and address.
	AllowHosts []string
	// AllowCIDRs are address ranges that count as public.
	AllowCIDRs []netip.Prefix
	// Proxy picks the proxy; nil means http.ProxyFromEnvironment.
	Proxy func(*http.Request) (*url.URL, error)
	// Transport replaces the connection to the image host; nil means the
	// guarded one.
	Transport http.RoundTripper
	// Logger is told what happened to the folder; nil means nobody is.
	Logger *slog.Logger
}

// Entry is one file of a folder.
type Entry struct {
	SHA256, MIME string
	Bytes        int64
	Stored       time.Time
}

// PreviewSize bounds a preview.
type PreviewSize struct {
	Side  int // pixels of the longer side; 0 means 512
	Bytes int // length of the JPEG; 0 means 120,000
}

// Folder keeps pictures.
type Folder struct{ o Options }

var errSkeleton = errors.New("store: not there yet")

// Open opens the folder dir.
func Open(dir string, o Options) (*Folder, error) { return &Folder{o: o}, errSkeleton }

// Close frees the folder.
func (f *Folder) Close() error { return errSkeleton }

// Fetch downloads the picture behind link.
func (f *Folder) Fetch(ctx context.Context, link string) (Picture, error) {
	return Picture{}, errSkeleton
}

// Open opens p for reading.
func (f *Folder) Open(p Picture) (*os.File, error) { return nil, errSkeleton }

// Bytes reads p.
func (f *Folder) Bytes(p Picture) ([]byte, error) { return nil, errSkeleton }

// Has reports whether the folder holds sha.
func (f *Folder) Has(sha string) bool { return false }

// Room reports whether need more bytes may be kept.
func (f *Folder) Room(need int64) error { return errSkeleton }

// Used is how many bytes the folder holds.
func (f *Folder) Used() (int64, error) { return 0, errSkeleton }

// Remove deletes sha.
func (f *Folder) Remove(sha string) error { return errSkeleton }

// List lists what the folder holds, oldest first.
func (f *Folder) List() ([]Entry, error) { return nil, errSkeleton }

// Export copies p to dir under name, or a free name beside it.
func (f *Folder) Export(p Picture, dir, name string) (string, error) { return "", errSkeleton }

// Preview makes a JPEG of p.
func (f *Folder) Preview(ctx context.Context, p Picture, limit PreviewSize) (jpeg []byte, width, height int, err error) {
	return nil, 0, 0, errSkeleton
}

// FileName names a picture for people.
func FileName(day time.Time, prompt string, n int, mime string) string { return "" }

// DefaultOutputDir is where pictures go for people.
func DefaultOutputDir(goos, home string, getenv func(string) string, stateDir string) string {
	return ""
}
