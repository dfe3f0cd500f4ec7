package client_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// cell is one transport and one version of the protocol.
type cell struct {
	Transport  string            `json:"transport"`
	Version    string            `json:"version"`
	Negotiated string            `json:"negotiated"`
	Steps      map[string]string `json:"steps"`
}

const modern = "2026-07-28"

func cells() []*cell {
	var all []*cell
	for transport, versions := range map[string][]string{
		"stdio": {"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", modern},
		"HTTP":  {"2025-03-26", "2025-06-18", "2025-11-25", modern},
		"SSE":   {"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", modern},
	} {
		for _, v := range versions {
			all = append(all, &cell{Transport: transport, Version: v, Steps: map[string]string{}})
		}
	}
	slices.SortFunc(all, func(a, b *cell) int {
		return strings.Compare(a.Transport+a.Version, b.Transport+b.Version)
	})
	return all
}

// client is a session of one cell, and what it heard on the side.
type client struct {
	*mcp.ClientSession
	transport string
	version   string
	progress  chan *mcp.ProgressNotificationParams // of all calls; their tokens differ
	updated   atomic.Int64
}

// TestVersions goes through all steps with every version of the protocol. When
// CLIENTS_RESULT names a file, it writes there what came of them.
func TestVersions(t *testing.T) {
	all := cells()
	t.Run("cells", func(t *testing.T) {
		for _, c := range all {
			t.Run(c.Transport+"/"+c.Version, func(t *testing.T) {
				t.Parallel()
				driveCell(t, c)
			})
		}
	})
	if file := os.Getenv("CLIENTS_RESULT"); file != "" {
		b, err := json.MarshalIndent(map[string]any{"client": "Go SDK " + sdkVersion(t), "rows": all}, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, append(b, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// sdkVersion is the one of the SDK that this test was built with. A test binary
// knows nothing of its modules.
func sdkVersion(t *testing.T) string {
	t.Helper()
	file, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`modelcontextprotocol/go-sdk v(\S+)`).FindSubmatch(file)
	if version == nil {
		t.Fatal("go.mod does not name the SDK")
	}
	return string(version[1])
}

func driveCell(t *testing.T, c *cell) {
	s := &client{transport: c.Transport, progress: make(chan *mcp.ProgressNotificationParams, 1000)}
	c.Steps["connect"] = "failed"
	s.open(t, c)
	want := c.Version
	if c.Transport == "SSE" && want == modern {
		want = "2025-11-25" // it falls back
	}
	if c.Negotiated = s.version; s.version != want {
		t.Fatalf("version %s was negotiated, want %s", s.version, want)
	}
	c.Steps["connect"] = "ok"
	for _, step := range []struct {
		name string
		do   func(*testing.T, *client)
	}{
		{"tools/list", toolsStep},
		{"cancel", cancelStep}, // early, because it blocks a line for some seconds
		{"generate_image", pictureStep},
		{"progress", progressStep},
		{"wait_seconds 0", laterStep},
		{"parallel calls", parallelStep},
		{"bad arguments", badStep},
		{"resource updates", updatesStep},
		{"unknown tool and resource", unknownStep},
		{"close", closeStep},
	} {
		c.Steps[step.name] = "failed"
		if t.Run(step.name, func(t *testing.T) { step.do(t, s) }) {
			c.Steps[step.name] = "ok"
		}
	}
}

func closeStep(t *testing.T, s *client) {
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
