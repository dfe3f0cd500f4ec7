package simulator

import (
	"bytes"
	"compress/gzip"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

const accessKeyID = "LTAI5tSimulated"

// links are the signed addresses of a finished task's pictures, "" for one
// that failed.
func (s *Simulator) links(c *call, t *task) []string {
	links := make([]string, t.N)
	for i := range links {
		elsewhere, given := t.value("link")
		switch {
		case t.fails(i):
		case given:
			links[i] = elsewhere
		case c.fault.Kind == "private_link":
			links[i] = orNowhere(c.fault.Location)
		default:
			path := fmt.Sprintf("/images/%s-%d.png", t.ID, i+1)
			expires := strconv.FormatInt(t.linkExpires(), 10)
			links[i] = origin(c.r) + path + "?Expires=" + expires + "&OSSAccessKeyId=" + accessKeyID +
				"&Signature=" + url.QueryEscape(t.sign(path, expires))
		}
	}
	return links
}

// origin is where the client reached the service.
func origin(r *http.Request) string {
	scheme := r.URL.Scheme
	switch {
	case scheme != "":
	case r.TLS != nil:
		scheme = "https"
	default:
		scheme = "http"
	}
	return scheme + "://" + r.Host
}

// linkExpires differs by a second for links made after an admin has expired
// the former ones.
func (t *task) linkExpires() int64 {
	return t.End.Add(lifetime).Unix() - int64(t.LinkRound)
}

func (t *task) sign(path, expires string) string {
	mac := hmac.New(sha1.New, t.LinkKey)
	_, _ = mac.Write([]byte("GET\n\n\n" + expires + "\n" + path))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

var picturePattern = regexp.MustCompile(`^(.{36})-([1-4])\.png$`)

// image is the object store. Its errors are XML, and it wants no key: the
// link's signature is the permission.
func (s *Simulator) image(c *call) reply {
	now := time.Now()
	if c.r.Header.Get("Authorization") != "" && s.o.Strict {
		c.entry.Violation = "API key sent to the image host"
		return ossError(c, http.StatusBadRequest, "InvalidArgument", "Only one auth mechanism allowed; a signed link must be fetched without an Authorization header")
	}
	name := picturePattern.FindStringSubmatch(c.id)
	if name == nil {
		return ossError(c, http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
	}
	n, _ := strconv.Atoi(name[2])
	c.entry.TaskID, c.entry.N = name[1], n
	t, err := s.find(name[1])
	if err != nil {
		return ossError(c, http.StatusInternalServerError, "InternalError", err.Error())
	}
	if refused, ok := s.checkLink(c, t, now); !ok {
		return refused
	}
	if t == nil || t.state(now) != succeeded || n > t.N || t.fails(n-1) {
		return ossError(c, http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
	}
	body, err := s.gallery.png(c.r.Context(), t.picture(n-1))
	if err != nil {
		return reply{cut: true}
	}
	r := reply{status: http.StatusOK, body: body}
	r.set("Content-Type", "image/png")
	r.set("Last-Modified", t.End.UTC().Format(http.TimeFormat))
	if kind, found := t.value("image"); found && c.fault.Kind == "" {
		c.strike(Fault{Op: "image", Kind: kind, Status: http.StatusInternalServerError})
	}
	return r
}

func (s *Simulator) find(id string) (*task, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shelf.get(id)
}

// checkLink holds the link against its signature and its expiry.
func (s *Simulator) checkLink(c *call, t *task, now time.Time) (refused reply, ok bool) {
	deny := func(code, message string) (reply, bool) {
		return ossError(c, http.StatusForbidden, code, message), false
	}
	q := c.r.URL.Query()
	expires, signature := q.Get("Expires"), q.Get("Signature")
	if expires == "" || signature == "" {
		return deny("AccessDenied", "You have no right to access this object because of bucket acl.")
	}
	if q.Get("OSSAccessKeyId") != accessKeyID {
		return deny("InvalidAccessKeyId", "The OSS Access Key Id you provided does not exist in our records.")
	}
	end, err := strconv.ParseInt(expires, 10, 64)
	if err != nil || now.Unix() >= end {
		return deny("AccessDenied", "Request has expired.")
	}
	path := strings.TrimRight(c.r.URL.Path, "/")
	if t == nil || !hmac.Equal([]byte(signature), []byte(t.sign(path, expires))) {
		return deny("SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. Check your key and signing method.")
	}
	if end != t.linkExpires() {
		return deny("AccessDenied", "Request has expired.")
	}
	return reply{}, true
}

func ossError(c *call, status int, code, message string) reply {
	body, err := xml.MarshalIndent(struct {
		XMLName   xml.Name `xml:"Error"`
		Code      string
		Message   string
		RequestID string `xml:"RequestId"`
		HostID    string `xml:"HostId"`
	}{Code: code, Message: message, RequestID: strings.ToUpper(strings.ReplaceAll(newID(), "-", "")[:24]), HostID: c.r.Host}, "", "  ")
	if err != nil {
		return failWith("InternalError", err.Error())
	}
	r := reply{status: status, code: code, body: append([]byte(xml.Header), append(body, '\n')...)}
	r.set("Content-Type", "application/xml")
	r.set("Server", "AliyunOSS")
	return r
}

// gzipBomb is 64 MiB of nothing in 64 KiB.
var gzipBomb = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	zeros := make([]byte, 1<<20)
	for range 64 {
		_, _ = z.Write(zeros) // a buffer never fails
	}
	_ = z.Close()
	return b.Bytes()
})
