package store

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
)

// What the external tests need to see of the inside.

// Limits and names.
const (
	FetchTime     = fetchTime
	SlowTime      = slowTime
	SlowRate      = slowRate
	DraftLife     = draftLife
	DamagedLife   = damagedLife
	UsageLife     = usageLife
	MaxPixels     = maxPixels
	MaxSide       = maxSide
	PreviewMemory = previewMemory
)

// Resolve makes the folder's own dialer ask r for names.
func (f *Folder) Resolve(r *net.Resolver) {
	transport := f.transport.(*http.Transport)
	d := newDialer(f.links, f.options.AllowCIDRs)
	d.guarded.Resolver, d.plain.Resolver = r, r
	transport.DialContext, transport.Proxy = d.DialContext, d.proxy(f.options.Proxy)
}

// Trust makes the folder's own transport trust roots and nothing else.
func (f *Folder) Trust(roots *x509.CertPool) {
	f.transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: roots}
}

// CheckLink is the decision about a link before anything is dialled.
func CheckLink(link string, allow ...string) (*url.URL, error) {
	guard, err := newLinkGuard(allow)
	if err != nil {
		return nil, err
	}
	return guard.parse(link)
}

// CheckAddress is the decision about an address that is about to be dialled.
func CheckAddress(network, address string, allow ...netip.Prefix) error {
	return controlAddress(allow)(network, address, nil)
}

// Inspect runs the check of content over data, size bytes at a time.
func Inspect(data []byte, size int) (Picture, error) {
	check := new(inspector)
	for len(data) > 0 {
		n := min(size, len(data))
		if err := check.write(data[:n]); err != nil {
			return Picture{}, err
		}
		data = data[n:]
	}
	return check.end()
}

// SetAside takes the file that was read and found damaged out of the way.
func (f *Folder) SetAside(p Picture, read *os.File) error { return f.setAside(p, read) }

// IsFull is how failures to write are told apart.
func IsFull(err error) bool { return isFull(err) }

// Draft begins a file as a fetch does, and ClaimUnlinked names it as an export
// does where there are no hard links.
func Draft(root *os.Root, data []byte) (*draft, error) {
	d, err := newDraft(root, 0o600)
	if err == nil {
		_, err = d.Write(data)
	}
	return d, err
}

// Name is the temporary name.
func (d *draft) Name() string { return d.name }

// Abandon closes the file as the death of the process would.
func (d *draft) Abandon() error { return d.file.Close() }

// ClaimUnlinked names the draft without a hard link.
func (d *draft) ClaimUnlinked(name string) error { return d.claimUnlinked(name) }
