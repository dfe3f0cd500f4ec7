package server_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/resources/store"
	"wan-image-mcp/server"
	"wan-image-mcp/tasks"
	"wan-image-mcp/tasks/journal"
)

// offline stands for DashScope in the example, which asks it nothing.
type offline struct{}

func (offline) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("the example has no network")
}

// A whole server over a pair of streams, from an empty folder to the answer of
// list_models. A real one hands over os.Stdin and os.Stdout, and an API key.
func Example() {
	dir, err := os.MkdirTemp("", "wan-image-mcp")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	j, err := journal.Open(filepath.Join(dir, "journal.db"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer j.Close()
	folder, err := store.Open(filepath.Join(dir, "pictures"), store.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer folder.Close()

	client := &dashscope.Client{Region: dashscope.Singapore, Transport: offline{}}
	service, err := tasks.New(tasks.Config{Client: client, Journal: j, Store: folder, Upstream: "singapore, no key"})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- service.Run(ctx) }()

	s, err := server.NewMCP(server.Deps{Service: service, Region: dashscope.Singapore})
	if err != nil {
		fmt.Println(err)
		return
	}
	in := strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"example","version":"1"}}}
{"jsonrpc":"2.0","method":"notifications/initialized"}
{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"list_models","arguments":{"model":"wan2.6-t2i"}}}
`)
	var out bytes.Buffer
	err = server.Stdio(ctx, s, in, &out, slog.New(slog.DiscardHandler))
	stop()
	if err = errors.Join(err, <-ended); err != nil {
		fmt.Println(err)
		return
	}
	for lines := bufio.NewScanner(&out); lines.Scan(); {
		var answer struct {
			ID     int
			Result struct{ Content []struct{ Text string } }
		}
		if err := json.Unmarshal(lines.Bytes(), &answer); err == nil && answer.ID == 2 {
			first, _, _ := strings.Cut(answer.Result.Content[0].Text, "\n")
			fmt.Println(first)
		}
	}
	// Output:
	// Region singapore. Default model wan2.6-t2i. At most 4 pictures a call.
}
