package tools_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"wan-image-mcp/tools"
)

// TestNearestArgument: a slip or another way of writing is recognised, another
// word is not.
func TestNearestArgument(t *testing.T) {
	c := connect(t, newServer(t, tools.Deps{NoKey: errors.New("no key")}), "test", "")
	for wrong, want := range map[string]string{
		"promt": "prompt", "PROMPT": "prompt", "negativePrompt": "negative_prompt", "negative-prompt": "negative_prompt",
		"aspect": "", "aspect_ration": "aspect_ratio", "wait_second": "wait_seconds", "N": "n", "m": "", "num_images": "",
		"idempotencykey": "idempotency_key", "sead": "seed", "": "", "提示": "", strings.Repeat("prompt", 5000): "",
	} {
		got := text(c.call(t, "generate_image", fmt.Sprintf(`{"prompt": "x", %q: 1}`, wrong)))
		if hint := "did you mean " + want + "?"; strings.Contains(got, "did you mean") != (want != "") || want != "" && !strings.Contains(got, hint) {
			t.Errorf("%.40q: got %.200q, want a hint at %q", wrong, got, want)
		}
		if len(got) > 500 {
			t.Errorf("%.40q: the answer has %d bytes", wrong, len(got))
		}
	}
}

// FuzzArguments: whatever a client sends as arguments gets an answer that is
// short and readable, never a failure of the protocol.
func FuzzArguments(f *testing.F) {
	for _, seed := range []string{
		`{"a":1` + strings.Repeat(`,"a":1`, 1000) + `}`, `{"prompt":1` + strings.Repeat(`,"prompt":1`, 1000) + `}`,
		``, `null`, `{}`, `[]`, `{"prompt": "x"}`, `{"prompt": "x", "n": 1e999}`, `{"n": {"n": [1]}, "n": 2}`, `{"prompt":`,
		`{"": 1, "prompt": "\ud800", "seed": -0.0, "size": "１２８０*1280"}`, `{"wait_seconds": "1e308", "prompt_extend": "TRUE"}`,
	} {
		f.Add([]byte(seed))
	}
	handlers := map[string]server.ToolHandlerFunc{}
	for _, tool := range []string{"generate_image", "list_models"} {
		handlers[tool] = newServer(f, tools.Deps{NoKey: errors.New("no key")}).GetTool(tool).Handler
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for tool, handle := range handlers {
			var req mcp.CallToolRequest
			req.Params.Name, req.Params.RawArguments = tool, json.RawMessage(raw)
			res, err := handle(t.Context(), req)
			if err != nil {
				t.Fatalf("%s: %v", tool, err)
			}
			if got := text(res); got == "" || !utf8.ValidString(got) || len(got) > 10_000 {
				t.Errorf("%s: got %d bytes: %.200q", tool, len(got), got)
			}
		}
	})
}
