package cli

import (
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/server"
)

// envToken is the one token of a server that has no file of them. It has no
// flag: every user of a computer can read command lines.
const envToken = envPrefix + "TOKEN"

// tokens reads who may use the server.
func (p *program) tokens(tokens *server.Tokens, file string) error {
	if file != "" {
		if err := readTokens(tokens, file); err != nil {
			return err
		}
	}
	if token := strings.TrimSpace(p.getenv(envToken)); token != "" {
		if err := tokens.Add("token", dashscope.Secret(token)); err != nil {
			return fmt.Errorf("%s: %w", envToken, err)
		}
	}
	return nil
}

func readTokens(tokens *server.Tokens, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("--token-file: %w", err)
	}
	defer f.Close()
	if err := tokens.Load(f); err != nil {
		return fmt.Errorf("--token-file %s: %w", file, err)
	}
	return nil
}

// rereadTokens reads the file anew at each SIGHUP, until stop. A file that cannot
// be used changes nothing. Windows has no such signal.
func rereadTokens(tokens *server.Tokens, file string, log *slog.Logger) (stop func()) {
	if file == "" {
		return func() {}
	}
	hangups, stopped := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(hangups, syscall.SIGHUP)
	go func() {
		for {
			select {
			case <-hangups:
			case <-stopped:
				return
			}
			if err := readTokens(tokens, file); err != nil {
				log.Error("the tokens stay as they were", "error", err)
				continue
			}
			log.Info("read the tokens anew", "file", file, "tokens", tokens.Len())
		}
	}()
	return sync.OnceFunc(func() {
		signal.Stop(hangups)
		close(stopped)
	})
}
