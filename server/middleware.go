package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
)

// maxPictureReads are served at once. One picture of ten megabytes takes four
// times that while it is encoded.
const maxPictureReads = 4

// panicked logs a panic and returns what its client may know of it: a number to
// ask for. Only what the runtime itself says is logged; another value may hold a
// key or a link.
func panicked(log *slog.Logger, reason any, where string) string {
	reference := rand.Text()[:8]
	text := fmt.Sprintf("a value of type %T", reason)
	if err, ok := reason.(error); ok {
		if fault := runtime.Error(nil); errors.As(err, &fault) {
			text = fault.Error()
		}
	}
	logger(log).Error("panic", "reference", reference, "in", where, "reason", text, "stack", string(debug.Stack()))
	return "internal error; the server's log has more under reference " + reference
}

// recoverTools answers a panic of a tool like any other failure of it.
func recoverTools(log *slog.Logger) mcpserver.ToolHandlerMiddleware {
	return func(next mcpserver.ToolHandlerFunc) mcpserver.ToolHandlerFunc {
		return func(ctx context.Context, req mcp.CallToolRequest) (result *mcp.CallToolResult, err error) {
			defer func() {
				if reason := recover(); reason != nil {
					result, err = mcp.NewToolResultError(panicked(log, reason, req.Params.Name)), nil
				}
			}()
			return next(ctx, req)
		}
	}
}

// recoverResources answers a panic of a resource with an error.
func recoverResources(log *slog.Logger) mcpserver.ResourceHandlerMiddleware {
	return func(next mcpserver.ResourceHandlerFunc) mcpserver.ResourceHandlerFunc {
		return func(ctx context.Context, req mcp.ReadResourceRequest) (contents []mcp.ResourceContents, err error) {
			defer func() {
				if reason := recover(); reason != nil {
					contents, err = nil, errors.New(panicked(log, reason, "resources/read"))
				}
			}()
			return next(ctx, req)
		}
	}
}

// pictureReads lets few pictures be read at once, each until its answer is
// written, so that a client that asks for many and reads none cannot fill the
// memory.
func pictureReads(slots chan struct{}) mcpserver.ResourceHandlerMiddleware {
	return func(next mcpserver.ResourceHandlerFunc) mcpserver.ResourceHandlerFunc {
		return func(ctx context.Context, req mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
			if !strings.HasPrefix(req.Params.URI, "wan://images/") {
				return next(ctx, req)
			}
			select {
			case slots <- struct{}{}:
				afterWrite(ctx, func(bool) { <-slots })
				return next(ctx, req)
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
	}
}
