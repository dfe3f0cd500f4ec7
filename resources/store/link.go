package store

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

const (
	imageHosts    = ".aliyuncs.com" // OSS, where the service keeps pictures for 24 hours
	maxLinkLength = 8 << 10
)

// errNotURL has no cause: that would repeat the whole link, signature and all.
var errNotURL = fmt.Errorf("%w: it is not a URL", ErrNotAllowed)

// linkGuard decides which links may be followed: https on port 443 to a host
// under aliyuncs.com, and the hosts that were allowed by name. That is weak by
// itself, because anybody can own a bucket there and a name can lead anywhere;
// the dialer checks the address as well.
type linkGuard struct {
	allowed map[string]bool // by hostPort
}

func newLinkGuard(allow []string) (linkGuard, error) {
	allowed := make(map[string]bool)
	for _, entry := range allow {
		host, port, err := net.SplitHostPort(entry)
		number, _ := strconv.Atoi(port)
		if err != nil || host == "" || number < 1 || number > 65535 {
			return linkGuard{}, fmt.Errorf("image host %q: write it as HOST:PORT, for example 127.0.0.1:8080", entry)
		}
		allowed[hostPort(host, strconv.Itoa(number))] = true
	}
	return linkGuard{allowed}, nil
}

// parse reads a link and checks it. Its errors repeat nothing of a link but the
// host.
func (g linkGuard) parse(link string) (*url.URL, error) {
	if len(link) > maxLinkLength {
		return nil, fmt.Errorf("%w: it is longer than %d bytes", ErrNotAllowed, maxLinkLength)
	}
	u, err := url.Parse(link)
	if err != nil {
		return nil, errNotURL
	}
	return u, g.check(u)
}

// check decides about one hop.
func (g linkGuard) check(u *url.URL) error {
	host := strings.ToLower(u.Hostname())
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("%w: its scheme is not https", ErrNotAllowed)
	case u.User != nil:
		return fmt.Errorf("%w: it carries a user name", ErrNotAllowed)
	case g.allows(hostPort(host, port(u))):
		return nil
	case u.Scheme != "https":
		return fmt.Errorf("%w: its scheme is not https", ErrNotAllowed)
	case port(u) != "443":
		return fmt.Errorf("%w: its port is not 443", ErrNotAllowed)
	case !isImageHost(host):
		return fmt.Errorf("%w: pictures come from *%s, not from %.100q", ErrNotAllowed, imageHosts, host)
	}
	return nil
}

// allows reports whether exactly this host and port is exempt.
func (g linkGuard) allows(address string) bool { return g.allowed[address] }

// isImageHost holds the name against the suffix, label by label. Only the plain
// letters of a host name pass, so no spelling can mean one thing here and
// another to a resolver.
func isImageHost(host string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789-"
	bucket, ok := strings.CutSuffix(host, imageHosts)
	if !ok || len(host) > 253 {
		return false
	}
	for label := range strings.SplitSeq(bucket, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, letters) != "" {
			return false
		}
	}
	return true
}

// port is the port that u leads to.
func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}

// hostPort writes a host and port in the one way that is compared.
func hostPort(host, port string) string {
	if addr, err := netip.ParseAddr(host); err == nil {
		host = addr.String()
	}
	return net.JoinHostPort(strings.ToLower(host), port)
}
