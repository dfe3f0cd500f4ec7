// Wan-image-mcp gives AI agents Alibaba's Wan text-to-image models as MCP tools.
//
// Run "wan-image-mcp --help" for its manual.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"wan-image-mcp/cli"
)

func main() {
	signal.Ignore(syscall.SIGPIPE) // a closed stdout is an error to handle, not a sudden death
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second Ctrl-C ends the process at once
	os.Exit(cli.Run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}
