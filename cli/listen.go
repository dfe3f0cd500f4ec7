package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"

	mcpserver "github.com/mark3labs/mcp-go/server"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/server"
)

// envToken is the one token of a server that has no file of them. It has no
// flag: every user of a computer can read command lines.
const envToken = envPrefix + "TOKEN"

// listening is an open address and who may use it.
type listening struct {
	net.Listener
	config server.Config
}

// listen opens the address of http and sse.
func (p *program) listen(ctx context.Context, o serving, log *slog.Logger) (*listening, error) {
	tokens, err := p.tokens(o)
	if err != nil {
		return nil, &usageError{err}
	}
	l := &listening{config: server.Config{
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

// tokens are who may use the server.
func (p *program) tokens(o serving) (*server.Tokens, error) {
	tokens := &server.Tokens{}
	if o.tokenFile != "" {
		f, err := os.Open(o.tokenFile)
		if err != nil {
			return nil, fmt.Errorf("--token-file: %w", err)
		}
		defer f.Close()
		if err := tokens.Load(f); err != nil {
			return nil, fmt.Errorf("--token-file %s: %w", o.tokenFile, err)
		}
	}
	if token := strings.TrimSpace(p.getenv(envToken)); token != "" {
		if err := tokens.Add("token", dashscope.Secret(token)); err != nil {
			return nil, fmt.Errorf("%s: %w", envToken, err)
		}
	}
	return tokens, nil
}

// ready fails when orders cannot be worked on.
func (w *work) ready(ctx context.Context) error {
	select {
	case <-w.ended:
		return errors.New("the work on orders has ended")
	default:
	}
	_, err := w.tasks.Budget(ctx, w.caller()) // reads the journal
	return err
}
