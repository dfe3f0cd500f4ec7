package server

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"wan-image-mcp/tasks"
)

// linkLife is how long a link to a picture works.
const linkLife = time.Hour

// Links are web addresses of single pictures, for people whose client shows no
// resources. Whoever has one can open that picture, and nothing else, for an hour,
// until the server stops, or until the owner's last token is taken away.
type Links struct {
	service *tasks.Service
	base    string
	key     []byte
	tokens  *Tokens // nil or empty means that everyone has what is there
}

// NewLinks makes links under base, which is how people reach the server:
// https://wan.example. "" means the loopback address that HTTP listens on; where
// it listens on another one, there are no links then.
func NewLinks(service *tasks.Service, base string) *Links {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // it never fails
	return &Links{service: service, base: strings.TrimSuffix(base, "/"), key: key}
}

// listening is told where the server is, and who may use it, before the first
// request.
func (l *Links) listening(addr net.Addr, tokens *Tokens) {
	l.tokens = tokens
	if tcp, ok := addr.(*net.TCPAddr); ok && l.base == "" && tcp.IP.IsLoopback() {
		l.base = "http://" + addr.String()
	}
}

// URL is the address of a task's n-th picture, "" when there is none.
func (l *Links) URL(t tasks.Task, n int) string {
	if l.base == "" {
		return ""
	}
	path := "/images/" + t.ID + "/" + strconv.Itoa(n)
	owner := base64.RawURLEncoding.EncodeToString([]byte(t.Owner))
	ticket := strconv.FormatInt(time.Now().Add(linkLife).Unix(), 10) + "." + owner
	return l.base + path + "?token=" + ticket + "." + l.sign(path, ticket)
}

func (l *Links) sign(path, ticket string) string {
	mac := hmac.New(sha256.New, l.key)
	mac.Write([]byte(path + "?" + ticket))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// open tells whose picture a link opens, or that it opens none.
func (l *Links) open(path, token string) (owner string, ok bool) {
	cut := strings.LastIndexByte(token, '.')
	if cut < 0 || !hmac.Equal([]byte(token[cut+1:]), []byte(l.sign(path, token[:cut]))) {
		return "", false
	}
	// What was signed here is well-formed.
	expires, name, _ := strings.Cut(token[:cut], ".")
	seconds, err := strconv.ParseInt(expires, 10, 64)
	if err != nil || time.Now().Unix() > seconds {
		return "", false
	}
	decoded, err := base64.RawURLEncoding.DecodeString(name)
	owner = string(decoded)
	return owner, err == nil && (l.tokens.Empty() || l.tokens.admits(owner))
}

// ServeHTTP serves /images/{task_id}/{n}?token=... to a browser.
func (l *Links) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	owner, ok := l.open(r.URL.Path, r.URL.Query().Get("token"))
	id, number, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/images/"), "/")
	n, err := strconv.Atoi(number)
	if !ok || err != nil {
		http.Error(w, "this link has expired; ask for the task again to get a new one", http.StatusForbidden)
		return
	}
	p, data, err := l.service.Bytes(r.Context(), tasks.Caller{Owner: owner}, id, n)
	if errors.Is(err, tasks.ErrNoSuchTask) || errors.Is(err, tasks.ErrNoSuchPicture) {
		http.Error(w, "the picture is not here any more", http.StatusNotFound)
		return
	}
	if err != nil {
		http.Error(w, "the picture cannot be read", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", p.Kept.MIME)
	h.Set("Content-Length", strconv.Itoa(len(data)))
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Cache-Control", "private, no-store")
	h.Set("Referrer-Policy", "no-referrer")
	_, _ = w.Write(data) // who has left needs no picture
}
