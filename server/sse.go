package server

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
)

// keepAlive is how often an idle stream says something. Proxies tend to cut a
// silent one after a minute.
const keepAlive = 25 * time.Second

// The legacy transport: a client opens a stream at /sse, is told where to post,
// and gets all answers on the stream. mcp-go's handlers know nothing of the stream
// that their answer will go to, so this keeps the two together.
type sseStreams struct {
	server *mcpserver.SSEServer

	mu   sync.Mutex
	byID map[string]*sseStream
}

func newSSEStreams(s *mcpserver.MCPServer) *sseStreams {
	streams := &sseStreams{byID: make(map[string]*sseStream)}
	streams.server = mcpserver.NewSSEServer(s,
		mcpserver.WithUseFullURLForMessageEndpoint(false),
		mcpserver.WithKeepAliveInterval(keepAlive),
		mcpserver.WithSSEDisableLocalhostProtection(true), // the guard knows more names
		mcpserver.WithSessionIDGenerator(streams.open),
		mcpserver.WithSSEContextFunc(func(ctx context.Context, _ *http.Request) context.Context {
			return mcpserver.WithSupportedProtocolVersions(ctx, mcp.LegacyProtocolVersions())
		}),
	)
	return streams
}

// refuseModernOnSSE makes a client of protocol version 2026-07-28 fall back to
// initialize: that version has no place for this transport, and a client that was
// let in would fail at every request for want of its HTTP headers.
func refuseModernOnSSE(ctx context.Context, _, message any) error {
	if r := requestOf(ctx); r == nil || r.stream == nil {
		return nil
	}
	raw, _ := message.(json.RawMessage)
	if e, err := parseEnvelope(raw); err == nil && e.isModern() {
		return fmt.Errorf("protocol version %s is not served over HTTP+SSE: call initialize, or use /mcp", e.version)
	}
	return nil
}

// sseStream is one client's stream.
type sseStream struct {
	of     token
	waited context.Context // ends with the stream
	close  context.CancelFunc

	mu      sync.Mutex
	pending map[string][]*request // by the id that the answer will have
	ending  bool                  // close when nothing is pending

	settling sync.WaitGroup
}

// open names a stream that has just come in.
func (s *sseStreams) open(ctx context.Context, _ *http.Request) (string, error) {
	r := requestOf(ctx)
	if r == nil || r.stream == nil {
		return "", errors.New("not a stream")
	}
	id := rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byID[id] = r.stream
	return id, nil
}

// find returns the stream of this name, if it is this token's.
func (s *sseStreams) find(of token, id string) *sseStream {
	s.mu.Lock()
	defer s.mu.Unlock()
	if stream := s.byID[id]; stream != nil && stream.of == of {
		return stream
	}
	return nil
}

// forget is for a stream that has ended. Nothing more is delivered on it.
func (s *sseStreams) forget(stream *sseStream) {
	s.mu.Lock()
	for id, one := range s.byID {
		if one == stream {
			delete(s.byID, id)
		}
	}
	s.mu.Unlock()
	stream.close()
	stream.settling.Wait()
	stream.mu.Lock()
	pending := stream.pending
	stream.pending = nil
	stream.mu.Unlock()
	for _, requests := range pending {
		for _, r := range requests {
			r.settle(false)
		}
	}
}

// end closes every stream as soon as no answer is due on it.
func (s *sseStreams) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, stream := range s.byID {
		stream.mu.Lock()
		stream.ending = true
		stream.closeIfDone()
		stream.mu.Unlock()
	}
}

// closeIfDone is called with s.mu held.
func (s *sseStream) closeIfDone() {
	if s.ending && len(s.pending) == 0 {
		s.close()
	}
}

// expect notes that the answer with this id will be r's. It reports false when
// the stream has ended.
func (s *sseStream) expect(id json.RawMessage, r *request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending == nil {
		return false
	}
	key := answerKey(id)
	s.pending[key] = append(s.pending[key], r)
	return true
}

// answered takes out the oldest request with this id.
func (s *sseStream) answered(key string) *request {
	s.mu.Lock()
	defer s.mu.Unlock()
	requests := s.pending[key]
	if len(requests) == 0 {
		return nil
	}
	if s.pending[key] = requests[1:]; len(requests) == 1 {
		delete(s.pending, key)
	}
	return requests[0]
}

// cancel is for the client's word that it takes a request back. mcp-go heeds it too,
// but later than it may serve what comes behind it.
func (s *sseStream) cancel(id json.RawMessage) {
	s.mu.Lock()
	requests := slices.Clone(s.pending[answerKey(id)])
	s.mu.Unlock()
	for _, r := range requests {
		r.cancel()
		r.leave()
	}
}

// drop takes out a request that gets no answer after all.
func (s *sseStream) drop(r *request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, requests := range s.pending {
		if requests = slices.DeleteFunc(requests, func(one *request) bool { return one == r }); len(requests) == 0 {
			delete(s.pending, key)
		} else {
			s.pending[key] = requests
		}
	}
}
