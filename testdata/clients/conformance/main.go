//go:build conformance

// Command conformance is wan-image-mcp's HTTP server with what the official MCP
// conformance suite asks of any server besides: tools, resources and prompts of
// fixed names. The server is the real one, guard, sessions and all; only the
// fixtures are added. No tool of the product asks its client anything or logs, so
// without them most of the suite would have nothing to look at.
//
// It writes its address to stdout and serves until SIGTERM.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	mcpserver "github.com/mark3labs/mcp-go/server"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/dashscope/simulator"
	"wan-image-mcp/resources/store"
	"wan-image-mcp/server"
	"wan-image-mcp/tasks"
	"wan-image-mcp/tasks/journal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "wan-image-mcp-conformance-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	service, closeService, err := newService(dir)
	if err != nil {
		return err
	}
	working, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- service.Run(working) }()
	defer func() {
		stopWork()
		err = errors.Join(err, <-ended, closeService())
	}()
	s, err := server.NewMCP(server.Deps{Service: service, LocalOwner: "conformance"})
	if err != nil {
		return err
	}
	addFixtures(s)
	cfg := server.Config{Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))}
	ln, err := server.Listen(ctx, "127.0.0.1:0", cfg)
	if err != nil {
		return err
	}
	fmt.Println(ln.Addr())
	return server.HTTP(ctx, s, ln, cfg)
}

// newService is the paid work on top of a simulator in this process.
func newService(dir string) (*tasks.Service, func() error, error) {
	const upstream = "127.0.0.1:8080" // nothing listens there: the simulator is the transport
	sim, err := simulator.New(simulator.Options{Strict: true, Speed: 200})
	if err != nil {
		return nil, nil, err
	}
	j, err := journal.Open(filepath.Join(dir, "journal.db"))
	if err != nil {
		return nil, nil, err
	}
	folder, err := store.Open(filepath.Join(dir, "pictures"), store.Options{Transport: sim, AllowHosts: []string{upstream}})
	if err != nil {
		return nil, nil, errors.Join(err, j.Close())
	}
	closeAll := func() error { return errors.Join(folder.Close(), j.Close()) }
	service, err := tasks.New(tasks.Config{
		Client:  &dashscope.Client{APIKey: "sk-simulated", BaseURL: "http://" + upstream + "/api/v1", Transport: sim},
		Journal: j, Store: folder, Upstream: "simulator", Simulated: true, Speed: 200,
	})
	if err != nil {
		return nil, nil, errors.Join(err, closeAll())
	}
	return service, closeAll, nil
}

// addFixtures adds what the suite looks for, by its names.
func addFixtures(s *mcpserver.MCPServer) {
	mcpserver.WithPromptCapabilities(false)(s)
	mcpserver.WithElicitation()(s)
	s.EnableSampling()
	s.AddTools(contentTools()...)
	s.AddTools(noticeTools(s)...)
	s.AddTools(schemaTools()...)
	s.AddTools(askingTools()...)
	s.AddTools(stateTools()...)
	addResources(s)
	addPrompts(s)
}
