package server

import (
	"crypto/hmac"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"sync"

	mcpserver "github.com/mark3labs/mcp-go/server"
)

const (
	maxEnded      = 10_000 // ended sessions that are remembered
	sessionPrefix = "session-"
	tagSize       = 16 // bytes of a session's signature
)

var errNoSession = errors.New("no such session: send initialize first")

// sessions makes and checks the session ids of Streamable HTTP. An id carries a
// signature made with its owner's token, so nothing has to be remembered of it: a
// client's session outlives a restart of the server, and is nobody else's. Only
// those that were ended on purpose are remembered, the newest of them.
type sessions struct {
	mu    sync.Mutex
	ended *recent
}

func newSessions() *sessions { return &sessions{ended: newRecent(maxEnded)} }

func (s *sessions) newID(of token) string {
	id := sessionPrefix + rand.Text()
	return id + "-" + hex.EncodeToString(of.sign(id)[:tagSize])
}

// check is nil for a session of this token's that has not ended. It tells nobody
// which of the two it was.
func (s *sessions) check(of token, id string) error {
	cut := strings.LastIndexByte(id, '-')
	if len(id) > 128 || cut < len(sessionPrefix) || !strings.HasPrefix(id, sessionPrefix) {
		return errNoSession
	}
	tag, err := hex.DecodeString(id[cut+1:])
	if err != nil || !hmac.Equal(tag, of.sign(id[:cut])[:tagSize]) {
		return errNoSession
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended.has(id) {
		return errNoSession
	}
	return nil
}

func (s *sessions) end(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended.add(id)
}

// ResolveSessionIdManager gives mcp-go the session ids of whoever sent r. It asks
// without a request when it frees an idle session or stops: such a session is not
// over, its client may go on at any time.
func (s *sessions) ResolveSessionIdManager(r *http.Request) mcpserver.SessionIdManager { //nolint:revive // mcp-go's spelling
	if r == nil {
		return keepSessions{}
	}
	return ownSessions{s, tokenOf(r.Context())}
}

// ownSessions are the sessions of one token.
type ownSessions struct {
	all *sessions
	of  token
}

// Generate makes a session id.
func (s ownSessions) Generate() string { return s.all.newID(s.of) }

// Validate refuses what is not a live session of this token's.
func (s ownSessions) Validate(id string) (ended bool, err error) { return false, s.all.check(s.of, id) }

// Terminate ends a session.
func (s ownSessions) Terminate(id string) (notAllowed bool, err error) {
	if err := s.all.check(s.of, id); err != nil {
		return false, err
	}
	s.all.end(id)
	return false, nil
}

// keepSessions ends none.
type keepSessions struct{}

// Generate is never called.
func (keepSessions) Generate() string { return "" }

// Validate is never called.
func (keepSessions) Validate(string) (ended bool, err error) { return false, errNoSession }

// Terminate lets the session live on.
func (keepSessions) Terminate(string) (notAllowed bool, err error) { return false, nil }
