package store

import (
	"cmp"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"sync"
	"time"
)

// Picture names one picture of a folder and tells what it is. It is what a
// caller writes down; the bytes stay in the folder.
type Picture struct {
	SHA256        string // of the bytes, 64 hex digits in lower case
	MIME          string // image/png, image/jpeg or image/webp, by content
	Width, Height int    // pixels
	Bytes         int64
}

// Options of a folder. The zero value is right for the real service.
type Options struct {
	// MaxBytes is how much the pictures may take together before [Folder.Room]
	// says no; 0 means 2 GiB.
	MaxBytes int64
	// MinFree is how much of the disk must stay free for [Folder.Room] to say
	// yes; 0 means 512 MiB, negative means none.
	MinFree int64
	// MaxPicture is the longest picture in bytes that is fetched; 0 means 25 MiB.
	MaxPicture int64
	// AllowHosts admits image hosts besides *.aliyuncs.com, each as HOST:PORT.
	// Exactly that host and port is exempt from the checks of scheme, port, name
	// and address.
	AllowHosts []string
	// AllowCIDRs are address ranges that count as public, for networks whose VPN
	// answers every name with an address of its own (198.18.0.0/15).
	AllowCIDRs []netip.Prefix
	// Proxy picks the proxy of a request; nil means http.ProxyFromEnvironment,
	// which reads HTTPS_PROXY and NO_PROXY. A proxy looks names up itself, so
	// only the names are checked then; its own address may be private.
	Proxy func(*http.Request) (*url.URL, error)
	// Transport replaces the way to the image host, for tests and in-process
	// services; nil means the folder's own. All checks of links and bodies hold
	// for it too, but it dials for itself: the check of addresses, the proxy and
	// AllowCIDRs are then not in force.
	Transport http.RoundTripper
	// Logger is told what happens to files; nil means nobody is.
	Logger *slog.Logger
}

// withDefaults fills in what a zero stands for.
func (o Options) withDefaults() Options {
	o.MaxBytes = cmp.Or(o.MaxBytes, 2<<30)
	o.MinFree = cmp.Or(o.MinFree, 512<<20)
	o.MaxPicture = cmp.Or(o.MaxPicture, 25<<20)
	if o.Proxy == nil {
		o.Proxy = http.ProxyFromEnvironment
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Folder keeps pictures in one directory. All its methods may be called at the
// same time, and several processes may share the directory.
type Folder struct {
	dir       string // absolute
	root      *os.Root
	options   Options
	links     linkGuard
	transport http.RoundTripper
	buffers   sync.Pool
	previews  chan struct{} // one token per preview being made

	usage   sync.Mutex
	used    int64     // bytes at the last scan
	scanned time.Time // zero: scan before believing used
	swept   sync.Map  // export directories that were swept
}

// Close lets go of the directory. Calls under way may fail.
func (f *Folder) Close() error { return f.root.Close() }

// buffer lends out 64 KB for streaming; give it back with f.buffers.Put.
func (f *Folder) buffer() *[64 << 10]byte {
	if b, ok := f.buffers.Get().(*[64 << 10]byte); ok {
		return b
	}
	return new([64 << 10]byte)
}
