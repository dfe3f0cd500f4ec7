package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	mcpserver "github.com/mark3labs/mcp-go/server"
)

// Config says how the server is reached over HTTP.
type Config struct {
	// LegacyOnly leaves out Streamable HTTP and serves only HTTP+SSE.
	LegacyOnly bool
	// AllowHosts are names, with or without a port, that a request may be addressed
	// to besides this computer's own loopback names.
	AllowHosts []string
	// AllowOrigins are the web pages, as https://host:port, that may use the server.
	// nil means none.
	AllowOrigins []string
	// Tokens are who may use the server. nil or empty means everyone on this
	// computer, and then no other address than a loopback one is served.
	Tokens *Tokens
	// Metrics are served at /metrics. nil means that there are none.
	Metrics *Metrics
	// Links are served at /images. nil means that there are none. Give their URL to
	// Deps.PictureLink too.
	Links *Links
	// Ready fails while the server cannot do its work. nil means never.
	Ready func(context.Context) error
	// Logger is for what concerns the operator. nil means none.
	Logger *slog.Logger
}

const (
	headerTimeout = 5 * time.Second
	idleTimeout   = 60 * time.Second
	// Idle sessions are taken out of memory. Their clients do not notice: see
	// sessions. It is longer than any call can take.
	sessionIdle = 30 * time.Minute
)

// ErrNoToken means that a server without tokens was to be reached from elsewhere.
var ErrNoToken = errors.New("without a token it serves this computer only")

// Listen opens an address for HTTP, which must be a loopback one unless there are
// tokens.
func Listen(ctx context.Context, addr string, cfg Config) (net.Listener, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	if err := cfg.mayListen(ln.Addr()); err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	return ln, nil
}

func (c Config) mayListen(addr net.Addr) error {
	if tcp, ok := addr.(*net.TCPAddr); (ok && tcp.IP.IsLoopback()) || !c.Tokens.Empty() {
		return nil
	}
	return fmt.Errorf("%w, not %s: everyone who can reach it could spend your money; "+
		"listen on 127.0.0.1, or give the server tokens (--token-file or WAN_IMAGE_MCP_TOKEN)", ErrNoToken, addr)
}

// HTTP serves clients on ln until ctx ends: Streamable HTTP at /mcp, HTTP+SSE at
// /sse and /message, and /healthz, /readyz and /metrics. Then it takes no more
// requests, gives those under way a moment, and returns nil within a second. It
// closes ln.
func HTTP(ctx context.Context, s *mcpserver.MCPServer, ln net.Listener, cfg Config) error {
	if err := cfg.mayListen(ln.Addr()); err != nil {
		return errors.Join(err, ln.Close())
	}
	if cfg.Links != nil {
		cfg.Links.listening(ln.Addr(), cfg.Tokens)
	}
	f := newFront(s, cfg)
	log := logger(cfg.Logger)
	srv := &http.Server{
		Handler:           f,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		BaseContext:       func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()
	select {
	case err := <-failed:
		f.close()
		return fmt.Errorf("serve HTTP: %w", err)
	case <-ctx.Done():
	}
	soft := f.drain()
	defer soft.Stop()
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainSoft+drainHard)
	defer cancel()
	if err := srv.Shutdown(limit); err != nil {
		log.Warn("left before every call had its answer")
		_ = srv.Close() // cuts what is left; there is nothing more to say about it
	}
	f.close()
	return nil
}
