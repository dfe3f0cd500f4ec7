package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	mcpserver "github.com/mark3labs/mcp-go/server"
)

// front stands before the transports: nothing reaches mcp-go that has not been
// through it.
type front struct {
	cfg      Config
	log      *slog.Logger
	limits   *limits
	sessions *sessions
	calls    openCalls
	held     *heldSessions
	mcp      *mcpserver.StreamableHTTPServer
	sse      *sseStreams
	pictures chan struct{} // links that are served at once
	inOrder  inOrder

	draining    atomic.Bool
	streams     context.Context //nolint:containedctx // ends all streams
	endStreams  context.CancelFunc
	waiting     context.Context //nolint:containedctx // ends all waiting
	stopWaiting context.CancelFunc
}

func newFront(s *mcpserver.MCPServer, cfg Config) *front {
	f := &front{
		cfg:      cfg,
		log:      logger(cfg.Logger),
		limits:   newLimits(!cfg.Tokens.Empty()),
		sessions: newSessions(),
		held:     newHeldSessions(!cfg.Tokens.Empty()),
		sse:      newSSEStreams(s),
		pictures: make(chan struct{}, maxPictureReads),
	}
	f.streams, f.endStreams = context.WithCancel(context.Background())
	f.waiting, f.stopWaiting = context.WithCancel(context.Background())
	if cfg.LegacyOnly {
		return f
	}
	f.mcp = mcpserver.NewStreamableHTTPServer(s,
		mcpserver.WithSessionIdManagerResolver(f.sessions),
		mcpserver.WithSessionIdleTTL(sessionIdle),
		mcpserver.WithHeartbeatInterval(keepAlive),
		mcpserver.WithDisableLocalhostProtection(true), // the guard knows more names
		mcpserver.WithStreamableHTTPLogger(slog.New(quiet{f.log.Handler()})),
	)
	if hooks := s.GetHooks(); hooks != nil {
		f.held.count(hooks)
	}
	return f
}

// drain ends what has no end of its own, and after drainSoft all waiting.
func (f *front) drain() *time.Timer {
	f.draining.Store(true)
	f.endStreams()
	f.sse.end()
	return time.AfterFunc(drainSoft, f.stopWaiting)
}

func (f *front) close() {
	f.stopWaiting()
	f.endStreams()
	if f.mcp != nil {
		_ = f.mcp.Shutdown(context.Background()) // stops its sweeper; it has no server that could fail
	}
}

// ServeHTTP refuses what must not get in, and passes on the rest.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	page := r.Header.Get("Origin")
	switch {
	case ownOrigin(r):
		page = "" // it may read its own answers without being told so
	case !originAllowed(r, f.cfg.AllowOrigins):
		http.Error(w, "pages of this origin may not use this server (--allow-origin)", http.StatusForbidden)
		return
	}
	out := newResponse(w, page)
	defer f.finish(out, r)
	if f.health(out, r) {
		return
	}
	picture := f.cfg.Links != nil && strings.HasPrefix(r.URL.Path, "/images/")
	if !hostAllowed(r, f.cfg.AllowHosts) || (crossSite(r) && !picture) { // a link may stand on any page
		http.Error(out, "this server is not served under this name, or not to this page (--allow-host, --allow-origin)", http.StatusForbidden)
		return
	}
	methods := f.methods(r.URL.Path)
	if methods == nil {
		http.NotFound(out, r)
		return
	}
	if r.Method == http.MethodOptions {
		preflight(out, methods)
		return
	}
	if !slices.Contains(methods, r.Method) {
		out.Header().Set("Allow", strings.Join(methods, ", "))
		http.Error(out, "this method is not served here", http.StatusMethodNotAllowed)
		return
	}
	if picture {
		f.servePicture(out, r)
		return
	}
	of, err := f.cfg.Tokens.authenticate(r)
	if err != nil {
		refuseToken(out, err)
		return
	}
	if r.URL.Path == "/metrics" {
		f.cfg.Metrics.ServeHTTP(out, r)
		return
	}
	f.serve(out, r, of)
}

// methods are what may be done at a path, nil where there is nothing.
func (f *front) methods(path string) []string {
	switch {
	case path == "/sse":
		return []string{http.MethodGet}
	case path == "/message":
		return []string{http.MethodPost}
	case path == "/mcp" && f.mcp != nil:
		return []string{http.MethodPost, http.MethodGet, http.MethodDelete}
	case path == "/metrics" && f.cfg.Metrics != nil, strings.HasPrefix(path, "/images/") && f.cfg.Links != nil:
		return []string{http.MethodGet}
	}
	return nil
}

// health answers whoever watches the process. It tells nothing that is not
// public, so neither name nor token is asked for.
func (f *front) health(w http.ResponseWriter, r *http.Request) bool {
	switch r.URL.Path {
	case "/healthz":
	case "/readyz":
		if f.draining.Load() {
			http.Error(w, "stopping", http.StatusServiceUnavailable)
			return true
		}
		if f.cfg.Ready == nil {
			break
		}
		if err := f.cfg.Ready(r.Context()); err != nil {
			f.log.Warn("not ready", "error", err)
			http.Error(w, "not ready", http.StatusServiceUnavailable)
			return true
		}
	default:
		return false
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok\n")) // a watcher that has left needs no answer
	return true
}

// preflight tells an allowed page what it may send.
func preflight(w http.ResponseWriter, methods []string) {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", strings.Join(methods, ", "))
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Accept, Last-Event-ID, "+
		"Mcp-Session-Id, Mcp-Protocol-Version, Mcp-Method, Mcp-Name")
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
}

// finish is for a handler that panicked, and for the connection's next request.
func (f *front) finish(w *response, r *http.Request) {
	reason := recover()
	if reason == nil {
		w.allow(writeTimeout + idleTimeout)
		return
	}
	if err, ok := reason.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(reason)
	}
	text := panicked(f.log, reason, r.Method+" "+r.URL.Path)
	if w.code() != 0 {
		panic(http.ErrAbortHandler) // cut it: what was sent so far must not look whole
	}
	http.Error(w, text, http.StatusInternalServerError)
}
