package store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"syscall"

	"code.dny.dev/ssrf"
)

// dialer connects to public addresses only. It looks at the address that is
// about to be dialled, after the name was resolved and on every connection, so
// a name that changes its address between two looks gains nothing.
type dialer struct {
	links   linkGuard
	guarded net.Dialer
	plain   net.Dialer // for allowed hosts and proxies
	proxies sync.Map   // hostPort of each proxy that was picked
}

func newDialer(links linkGuard, allow []netip.Prefix) *dialer {
	d := &dialer{links: links}
	d.plain.Timeout = connectTime
	d.guarded.Timeout = connectTime
	d.guarded.Control = controlAddress(allow)
	return d
}

// controlAddress refuses what the registries of special addresses list, unless
// it is in one of the prefixes.
func controlAddress(allow []netip.Prefix) func(network, address string, _ syscall.RawConn) error {
	var v4, v6 []netip.Prefix
	for _, prefix := range allow {
		if prefix.Addr().Is4() {
			v4 = append(v4, prefix)
		} else {
			v6 = append(v6, prefix)
		}
	}
	guard := ssrf.New(ssrf.WithPorts(443), ssrf.WithAllowedV4Prefixes(v4...), ssrf.WithAllowedV6Prefixes(v6...))
	return func(network, address string, c syscall.RawConn) error {
		if err := guard.Safe(network, address, c); err != nil {
			return &addressError{address}
		}
		return nil
	}
}

// DialContext connects to address, a host and port as a link or a proxy spells
// it.
func (d *dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if d.exempt(address) {
		return d.plain.DialContext(ctx, network, address)
	}
	return d.guarded.DialContext(ctx, network, address)
}

func (d *dialer) exempt(address string) bool {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	address = hostPort(host, port)
	_, isProxy := d.proxies.Load(address)
	return isProxy || d.links.allows(address)
}

// proxy wraps the choice of a proxy and remembers the addresses that it names:
// those and no others may be private.
func (d *dialer) proxy(choose func(*http.Request) (*url.URL, error)) func(*http.Request) (*url.URL, error) {
	return func(r *http.Request) (*url.URL, error) {
		u, err := choose(r)
		if err != nil {
			// The cause may repeat the proxy's password.
			return nil, errors.New("the setting of the proxy (HTTPS_PROXY) is not a URL")
		}
		if u != nil {
			d.proxies.Store(hostPort(u.Hostname(), proxyPort(u)), true)
		}
		return u, nil
	}
}

func proxyPort(u *url.URL) string {
	if u.Port() == "" && (u.Scheme == "socks5" || u.Scheme == "socks5h") {
		return "1080"
	}
	return port(u)
}

// newTransport is the way to the image host, one connection per picture: a
// connection that is kept may be stale, and what a host sends on it unasked would
// be printed by net/http. Certificates are checked against
// Go's default roots, so SSL_CERT_FILE and SSL_CERT_DIR work where Go knows them
// (all Unix but macOS).
func newTransport(d *dialer, proxy func(*http.Request) (*url.URL, error)) *http.Transport {
	return &http.Transport{
		DialContext:            d.DialContext,
		Proxy:                  d.proxy(proxy),
		DisableKeepAlives:      true,
		DisableCompression:     true, // a small body must not unpack to a big one
		TLSHandshakeTimeout:    connectTime,
		ResponseHeaderTimeout:  slowTime,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// fakeIPs is what the TUN mode of Clash, sing-box and Surge answers to every
// name with.
var fakeIPs = netip.MustParsePrefix("198.18.0.0/15")

// addressError means that a name leads to an address which is not public.
type addressError struct{ address string }

func (e *addressError) Error() string {
	at, err := netip.ParseAddrPort(e.address)
	if err != nil {
		return fmt.Sprintf("%v: it leads to no network address", ErrNotAllowed)
	}
	if fakeIPs.Contains(at.Addr().Unmap()) {
		return fmt.Sprintf("%v: it leads to %s, which is no public address but the stand-in of a VPN or proxy in fake-IP mode "+
			"(Clash, sing-box, Surge): allow the range %s for pictures, or take *%s out of that mode",
			ErrNotAllowed, at.Addr(), fakeIPs, imageHosts)
	}
	return fmt.Sprintf("%v: it leads to %s, which is no public address", ErrNotAllowed, at.Addr())
}

func (*addressError) Unwrap() error { return ErrNotAllowed }
