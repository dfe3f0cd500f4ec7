package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/dashscope/simulator"
)

// simulatedKey is what the built-in simulator is asked with.
const simulatedKey = dashscope.Secret("sk-simulated-0000000000000000")

func (p *program) simulateCommand() *cobra.Command {
	var (
		log    logging
		o      simulator.Options
		listen string
		region dashscope.Region
	)
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Serve a simulated DashScope, for developing clients",
		Long: `Serves the image part of the service's API on this computer: creating, querying,
listing and cancelling tasks, and the host of the pictures, which are real PNG
files drawn from prompt and seed. Every key that starts with sk- is right. The
official SDKs work against it when their base URL is http://HOST:PORT/api/v1.

A marker in a prompt makes it misbehave for that one order. GET http://HOST:PORT/
tells the addresses below /admin, which do the same for any request and count what
was asked.

MARKERS
` + markers(),
		Example: `  wan-image-mcp simulate --listen 127.0.0.1:8090 --speed 10

  # and in another terminal
  export DASHSCOPE_API_KEY=sk-anything-0000000000000000
  export DASHSCOPE_HTTP_BASE_URL=http://127.0.0.1:8090/api/v1
  wan-image-mcp generate --allow-image-host 127.0.0.1:8090 "a lighthouse"`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Logger, o.Region = log.logger(p.stderr, p.colour()), string(region)
			if o.Dir != "" {
				dir, err := filepath.Abs(o.Dir)
				if err != nil {
					return fmt.Errorf("folder of the simulator: %w", err)
				}
				o.Dir = dir
			}
			return p.simulate(cmd.Context(), listen, o)
		},
	}
	f := cmd.Flags()
	set(f, &listen, "listen", "127.0.0.1:8090", "HOST:PORT", "address to listen on; port 0 takes a free one", parseAddress)
	set(f, &o.Speed, "speed", "1", "FACTOR", "how much faster than life tasks run; links and ids stay 24 hours", parseSpeed)
	f.Int64Var(&o.Seed, "seed", 1, "decides pictures and durations: the same `SEED` and request, the same bytes")
	f.BoolVar(&o.Strict, "strict", false, "also refuse what would cost money or leak a secret at the real service")
	f.StringVar(&o.Dir, "dir", "", "`FOLDER` to keep tasks in over restarts (default: in memory only)")
	set(f, &region, "region", string(dashscope.Beijing), regionWords(), "region to imitate: its models, their spelling and pace", dashscope.ParseRegion)
	log.flags(f, "info")
	return cmd
}

// markers lists what a prompt can ask of the simulator.
func markers() string {
	var b strings.Builder
	for _, m := range simulator.Markers() {
		indent := strings.Repeat(" ", 21)
		fmt.Fprintf(&b, "  %-17s  %s", m.Text, strings.TrimPrefix(wrapped(m.What, indent), indent))
	}
	return strings.TrimRight(b.String(), "\n")
}

// simulate serves until ctx ends.
func (p *program) simulate(ctx context.Context, listen string, o simulator.Options) error {
	host, err := startSimulator(ctx, listen, o)
	if err != nil {
		return err
	}
	o.Logger.Info("simulator listens", "base_url", host.baseURL())
	fmt.Fprintf(p.stdout, "%s=%s\n%s=%s\n", envBase, host.baseURL(), envName("allow-image-host"), host.address)
	select {
	case <-ctx.Done():
		return host.close()
	case err := <-host.failed:
		return errors.Join(err, host.close())
	}
}

// simulatorHost is a simulator behind a socket.
type simulatorHost struct {
	address string
	server  *http.Server
	failed  chan error
}

func startSimulator(ctx context.Context, listen string, o simulator.Options) (*simulatorHost, error) {
	sim, err := simulator.New(o)
	if err != nil {
		return nil, fmt.Errorf("simulator: %w", err)
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", listen)
	if err != nil {
		return nil, withHint(fmt.Errorf("simulator: %w", err), "choose a free address with --listen, such as 127.0.0.1:0")
	}
	h := &simulatorHost{
		address: listener.Addr().String(),
		failed:  make(chan error, 1),
		server: &http.Server{
			Handler: sim, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
			ErrorLog: slog.NewLogLogger(o.Logger.Handler(), slog.LevelDebug),
		},
	}
	go func() {
		if err := h.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			h.failed <- fmt.Errorf("simulator: %w", err)
		}
	}()
	return h, nil
}

func (h *simulatorHost) baseURL() string { return "http://" + h.address + "/api/v1" }

func (h *simulatorHost) close() error { return h.server.Close() }
