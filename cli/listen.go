package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	mcpserver "github.com/mark3labs/mcp-go/server"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/server"
)

// envToken is the one token of a server that has no file of them. It has no
// flag: every user of a computer can read command lines.
const envToken = envPrefix + "TOKEN"

// listen serves over HTTP until ctx ends.
func (p *program) listen(ctx context.Context, w *work, o serving, s *mcpserver.MCPServer, metrics *server.Metrics) error {
	tokens, err := p.tokens(o)
	if err != nil {
		return &usageError{err}
	}
	config := server.Config{
		LegacyOnly: o.transport == "sse", AllowHosts: o.hosts, AllowOrigins: o.origins, Tokens: tokens,
		Metrics: metrics, Ready: w.ready, Logger: w.log,
	}
	listener, err := server.Listen(ctx, o.listen, config)
	if err != nil {
		return withHint(fmt.Errorf("listen: %w", err), "choose another address with --listen")
	}
	path := "/mcp"
	if config.LegacyOnly {
		path = "/sse"
	}
	address := listener.Addr().String()
	w.log.Info("listening", "address", address, "url", "http://"+address+path, "tokens", !tokens.Empty())
	return server.HTTP(ctx, s, listener, config)
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
