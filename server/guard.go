package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

const (
	maxBody     = 1 << 20
	maxHeader   = 64 << 10
	bodyTimeout = 30 * time.Second
)

// refusal is an HTTP answer instead of the one that was asked for.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return r.text }

func refuse(status int, format string, args ...any) error {
	return &refusal{status, fmt.Sprintf(format, args...)}
}

// originAllowed reports whether r may come from where it says: from no browser at
// all, or from a page that was named. An Origin that is sent more than once, or is
// empty or null, is no such page.
func originAllowed(r *http.Request, allowed []string) bool {
	origins, sent := r.Header["Origin"]
	if !sent {
		return true
	}
	return len(origins) == 1 && slices.ContainsFunc(allowed, func(one string) bool {
		return strings.EqualFold(strings.TrimSuffix(one, "/"), origins[0])
	})
}

// ownOrigin reports whether r says that it comes from where it goes to, on this
// computer. Nobody else can serve a page there, and a page that had its own name
// point here (DNS rebinding) says that name.
func ownOrigin(r *http.Request) bool {
	origins := r.Header["Origin"]
	return len(origins) == 1 && strings.EqualFold(origins[0], "http://"+r.Host) && hostAllowed(r, nil)
}

// crossSite reports whether a browser sends r on behalf of a page that is not
// this server's, as it does without an Origin for images, links and frames.
func crossSite(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
		return false
	}
	return r.Header.Get("Origin") == "" // one that is there has been judged
}

// hostAllowed reports whether r was meant for this server. A page that had its
// own name point here (DNS rebinding) still sends that name.
func hostAllowed(r *http.Request, allowed []string) bool {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.Unmap().IsLoopback() {
		return true
	}
	return slices.ContainsFunc(allowed, func(one string) bool {
		return strings.EqualFold(one, r.Host) || strings.EqualFold(strings.Trim(one, "[]"), host)
	})
}

// readMessage reads the one JSON-RPC message that a POST may carry. It is read
// before anything looks at it, so that everything after looks at the same.
func readMessage(w http.ResponseWriter, r *http.Request) (envelope, error) {
	types := r.Header.Values("Content-Type")
	if len(types) != 1 || r.Header.Get("Content-Encoding") != "" {
		return envelope{}, refuse(http.StatusUnsupportedMediaType, "send Content-Type: application/json, and the body as it is")
	}
	// A web page may send text/plain to anyone without asking first.
	if media, _, err := mime.ParseMediaType(types[0]); err != nil || media != "application/json" {
		return envelope{}, refuse(http.StatusUnsupportedMediaType, "send Content-Type: application/json")
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(bodyTimeout)) // a recorder has none
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	_ = control.SetReadDeadline(time.Time{})
	if tooBig := (*http.MaxBytesError)(nil); errors.As(err, &tooBig) {
		return envelope{}, refuse(http.StatusRequestEntityTooLarge, "a message may have at most %d bytes", maxBody)
	}
	if err != nil {
		return envelope{}, refuse(http.StatusBadRequest, "the body could not be read to its end")
	}
	e, err := parseEnvelope(body)
	if err != nil {
		return envelope{}, err
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return e, nil
}
