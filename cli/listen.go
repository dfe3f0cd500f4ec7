package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strings"

	mcpserver "github.com/mark3labs/mcp-go/server"

	"wan-image-mcp/server"
)

// listening is an open address and who may use it.
type listening struct {
	net.Listener
	config server.Config
	// stopTokens ends the reading of the tokens anew. It is for the very end: without
	// that, SIGHUP ends the program at once.
	stopTokens func()
}

// listen opens the address of http and sse.
func (p *program) listen(ctx context.Context, o serving, log *slog.Logger) (_ *listening, err error) {
	if err := o.checkNames(); err != nil {
		return nil, err
	}
	tokens := &server.Tokens{}
	stop := rereadTokens(tokens, o.tokenFile, log)
	defer func() {
		if err != nil {
			stop()
		}
	}()
	if err := p.tokens(tokens, o.tokenFile); err != nil {
		return nil, &usageError{err}
	}
	l := &listening{stopTokens: stop, config: server.Config{
		LegacyOnly: o.transport == "sse", AllowHosts: o.hosts, AllowOrigins: o.origins, Tokens: tokens, Logger: log,
	}}
	switch l.Listener, err = server.Listen(ctx, o.listen, l.config); {
	case errors.Is(err, server.ErrNoToken):
		return nil, usagef("--listen %s: %w", o.listen, err)
	case err != nil:
		return nil, withHint(fmt.Errorf("listen: %w", err), "choose another address with --listen")
	}
	return l, nil
}

// checkNames refuses names that no request can ever come with.
func (o serving) checkNames() error {
	for _, host := range o.hosts {
		if strings.ContainsAny(host, "/*@ ") {
			return usagef("--allow-host %q: want a name or an address, with or without a port, such as wan.example.com", host)
		}
	}
	for _, origin := range o.origins {
		u, err := url.Parse(strings.TrimSuffix(origin, "/"))
		if err != nil || u.Scheme == "" || u.Host == "" || u.Scheme+"://"+u.Host != u.String() || strings.Contains(origin, "*") {
			return usagef("--allow-origin %q: want where one page comes from, without a path, such as https://example.com or http://localhost:6274", origin)
		}
	}
	return nil
}

// url is how clients reach it; "" when it listens on every address, so that only
// the operator knows.
func (l *listening) url() string {
	if tcp, ok := l.Addr().(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return ""
	}
	return "http://" + l.Addr().String()
}

// serve serves until ctx ends.
func (l *listening) serve(ctx context.Context, w *work, s *mcpserver.MCPServer, metrics *server.Metrics) error {
	path := "/mcp"
	if l.config.LegacyOnly {
		path = "/sse"
	}
	l.config.Metrics, l.config.Ready = metrics, w.ready
	w.log.Info("listening", "address", l.Addr().String(), "path", path, "tokens", !l.config.Tokens.Empty())
	return server.HTTP(ctx, s, l, l.config)
}

// ready fails when orders cannot be worked on.
func (w *work) ready(ctx context.Context) error {
	select {
	case <-w.ended:
		return errors.New("the work on orders has ended")
	default:
	}
	// An open journal can be read when its file is long gone.
	if _, err := os.Stat(w.journal); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if _, err := w.tasks.Budget(ctx); err != nil { // reads the journal
		return err
	}
	return w.store.Writable()
}
