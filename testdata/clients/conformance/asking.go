//go:build conformance

package main

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
)

// form is the schema of an elicitation.
func form(message, properties string, required ...string) mcp.ElicitationParams {
	schema := map[string]any{"type": "object", "properties": json.RawMessage(properties)}
	if required != nil {
		schema["required"] = required
	}
	return mcp.ElicitationParams{Message: message, RequestedSchema: schema}
}

func sample(prompt string) mcp.CreateMessageParams {
	return mcp.CreateMessageParams{
		Messages:  []mcp.SamplingMessage{{Role: mcp.RoleUser, Content: mcp.NewTextContent(prompt)}},
		MaxTokens: 100,
	}
}

// asks is a tool that asks its client for what ask adds until tell, which is given
// what came, has something to tell. mcp-go turns the question into a request of its own for clients of the older era.
func asks(name, description string, ask func(*mcpserver.InputRequestBuilder, mcp.CallToolRequest), tell func(mcp.InputResponses) string, options ...mcp.ToolOption) mcpserver.ServerTool {
	return tool(name, description, func(_ context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		if text := tell(req.Params.InputResponses); text != "" {
			return mcp.NewToolResultText(text), nil
		}
		b := mcpserver.NewInputRequestBuilder("")
		ask(b, req)
		return b.ToolResult(), nil
	}, options...)
}

// filled tells of a form that was filled in.
func filled(key, prefix string) func(mcp.InputResponses) string {
	return func(answers mcp.InputResponses) string {
		answer := mcpserver.ElicitationResponse(answers, key)
		if answer == nil || answer.Action == "" {
			return ""
		}
		content, err := json.Marshal(answer.Content)
		if err != nil {
			return ""
		}
		return fmt.Sprintf("%saction=%s, content=%s", prefix, answer.Action, content)
	}
}

func said(key, prefix string) func(mcp.InputResponses) string {
	return func(answers mcp.InputResponses) string {
		answer := mcpserver.SamplingResponse(answers, key)
		if answer == nil {
			return ""
		}
		return prefix + mcp.GetTextFromContent(answer.Content)
	}
}

const (
	namesForm    = `{"name": {"type": "string"}}`
	userForm     = `{"username": {"type": "string", "description": "User's response"}, "email": {"type": "string", "description": "User's email address"}}`
	defaultsForm = `{"name": {"type": "string", "default": "John Doe"}, "age": {"type": "integer", "default": 30},
		"score": {"type": "number", "default": 95.5}, "verified": {"type": "boolean", "default": true},
		"status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"}}`
	enumsForm = `{"untitledSingle": {"type": "string", "enum": ["option1", "option2", "option3"]},
		"titledSingle": {"type": "string", "oneOf": [{"const": "value1", "title": "First Option"}, {"const": "value2", "title": "Second Option"}]},
		"legacyEnum": {"type": "string", "enum": ["opt1", "opt2", "opt3"], "enumNames": ["Option One", "Option Two", "Option Three"]},
		"untitledMulti": {"type": "array", "items": {"type": "string", "enum": ["option1", "option2", "option3"]}},
		"titledMulti": {"type": "array", "items": {"anyOf": [{"const": "value1", "title": "First Choice"}, {"const": "value2", "title": "Second Choice"}]}}}`
)

func askingTools() []mcpserver.ServerTool {
	type (
		builder = mcpserver.InputRequestBuilder
		request = mcp.CallToolRequest
	)
	return []mcpserver.ServerTool{
		asks("test_sampling", "Asks the client's model", func(b *builder, req request) {
			b.Sample("answer", sample(req.GetString("prompt", "")))
		}, said("answer", "LLM response: "), mcp.WithString("prompt", mcp.Required())),
		asks("test_elicitation", "Asks the user", func(b *builder, req request) {
			b.Elicit("answer", form(req.GetString("message", ""), userForm, "username", "email"))
		}, filled("answer", "User response: "), mcp.WithString("message", mcp.Required())),
		asks("test_streaming_elicitation", "Asks the user", func(b *builder, _ request) {
			b.Elicit("answer", form("Your name?", namesForm, "name"))
		}, filled("answer", "User response: ")),
		asks("test_elicitation_sep1034_defaults", "Asks the user, with defaults", func(b *builder, _ request) {
			b.Elicit("answer", form("Who are you?", defaultsForm))
		}, filled("answer", "Elicitation completed: ")),
		asks("test_elicitation_sep1330_enums", "Asks the user to choose", func(b *builder, _ request) {
			b.Elicit("answer", form("Choose.", enumsForm))
		}, filled("answer", "Elicitation completed: ")),
		asks("test_input_required_result_elicitation", "Asks for a name", func(b *builder, _ request) {
			b.Elicit("user_name", form("What is your name?", namesForm, "name"))
		}, filled("user_name", "Hello! ")),
		asks("test_input_required_result_sampling", "Asks the client's model", func(b *builder, _ request) {
			b.Sample("capital_question", sample("What is the capital of France?"))
		}, said("capital_question", "It says: ")),
		asks("test_input_required_result_list_roots", "Asks for the client's folders", func(b *builder, _ request) {
			b.Roots("client_roots")
		}, func(answers mcp.InputResponses) string {
			roots := mcpserver.RootsResponse(answers, "client_roots")
			if roots == nil {
				return ""
			}
			return fmt.Sprintf("Folders: %+v", roots.Roots)
		}),
		asks("test_missing_capability", "Needs sampling", func(b *builder, _ request) {
			b.Sample("answer", sample("Hello?"))
		}, said("answer", "")),
		tool("test_input_required_result_capabilities", "Asks for what the client can do", askAble),
	}
}

// askAble asks only for what the client has declared.
func askAble(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	if len(req.Params.InputResponses) > 0 {
		return mcp.NewToolResultText("Thank you."), nil
	}
	b := mcpserver.NewInputRequestBuilder("")
	if info := mcpserver.RequestProtocolInfoFromContext(ctx); info != nil && info.ClientCapabilities != nil {
		if info.ClientCapabilities.Sampling != nil {
			b.Sample("answer", sample("Hello?"))
		}
		if info.ClientCapabilities.Elicitation != nil {
			b.Elicit("name", form("Your name?", namesForm, "name"))
		}
	}
	return b.ToolResult(), nil
}

// secret seals the state that a client carries from round to round.
var secret = []byte(rand.Text())

func seal(state string) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(state))
	return state + "." + hex.EncodeToString(mac.Sum(nil))
}

func unseal(sealed string) (state string, err error) {
	state, _, _ = strings.Cut(sealed, ".")
	if !hmac.Equal([]byte(seal(state)), []byte(sealed)) {
		return "", errors.New("the request state was changed on its way")
	}
	return state, nil
}

// stateTools carry a state from round to round.
func stateTools() []mcpserver.ServerTool {
	confirm := rounds(func(b *mcpserver.InputRequestBuilder) {
		b.Elicit("confirm", form("Please confirm", `{"ok": {"type": "boolean"}}`, "ok"))
	})
	return []mcpserver.ServerTool{
		tool("test_input_required_result_request_state", "Asks once, with a state", confirm),
		tool("test_input_required_result_tampered_state", "Asks once, with a state", confirm),
		tool("test_input_required_result_multiple_inputs", "Asks for three things at once", rounds(func(b *mcpserver.InputRequestBuilder) {
			b.Elicit("user_name", form("What is your name?", namesForm, "name"))
			b.Sample("greeting", sample("Generate a greeting"))
			b.Roots("client_roots")
		})),
		tool("test_input_required_result_multi_round", "Asks twice", rounds(func(b *mcpserver.InputRequestBuilder) {
			b.Elicit("step1", form("Step 1: What is your name?", namesForm, "name"))
		}, func(b *mcpserver.InputRequestBuilder) {
			b.Elicit("step2", form("Step 2: What is your favorite color?", `{"color": {"type": "string"}}`, "color"))
		})),
	}
}

// rounds asks one question after another. The state says how many were answered.
func rounds(questions ...func(*mcpserver.InputRequestBuilder)) handler {
	return func(_ context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		answered := 0
		if req.Params.RequestState != "" {
			state, err := unseal(req.Params.RequestState)
			if err != nil {
				return nil, err
			}
			answered = len(state)
		}
		if answered > 0 && len(req.Params.InputResponses) == 0 {
			answered--
		}
		if answered == len(questions) {
			return mcp.NewToolResultText("state-ok"), nil
		}
		b := mcpserver.NewInputRequestBuilder(seal(strings.Repeat("x", answered+1)))
		questions[answered](b)
		return b.ToolResult(), nil
	}
}

func addPrompts(s *mcpserver.MCPServer) {
	user := func(content ...mcp.Content) *mcp.GetPromptResult {
		r := &mcp.GetPromptResult{}
		for _, c := range content {
			r.Messages = append(r.Messages, mcp.NewPromptMessage(mcp.RoleUser, c))
		}
		return r
	}
	add := func(name, description string, h func(mcp.GetPromptRequest) *mcp.GetPromptResult, arguments ...string) {
		options := []mcp.PromptOption{mcp.WithPromptDescription(description)}
		for _, a := range arguments {
			options = append(options, mcp.WithArgument(a, mcp.ArgumentDescription(a), mcp.RequiredArgument()))
		}
		s.AddPrompt(mcp.NewPrompt(name, options...), func(_ context.Context, req mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			return h(req), nil
		})
	}
	add("test_simple_prompt", "Says something", func(mcp.GetPromptRequest) *mcp.GetPromptResult {
		return user(mcp.NewTextContent("This is a simple prompt for testing."))
	})
	add("test_prompt_with_arguments", "Says what it is told", func(req mcp.GetPromptRequest) *mcp.GetPromptResult {
		a := req.Params.Arguments
		return user(mcp.NewTextContent(fmt.Sprintf("Prompt with arguments: arg1='%s', arg2='%s'", a["arg1"], a["arg2"])))
	}, "arg1", "arg2")
	add("test_prompt_with_embedded_resource", "Shows a resource", func(req mcp.GetPromptRequest) *mcp.GetPromptResult {
		return user(mcp.NewEmbeddedResource(mcp.TextResourceContents{
			URI: req.Params.Arguments["resourceUri"], MIMEType: "text/plain", Text: "Embedded resource content for testing.",
		}), mcp.NewTextContent("Please process the embedded resource above."))
	}, "resourceUri")
	add("test_prompt_with_image", "Shows an image", func(mcp.GetPromptRequest) *mcp.GetPromptResult {
		return user(mcp.NewImageContent(redDot, "image/png"), mcp.NewTextContent("Please analyze the image above."))
	})
	add("test_input_required_result_prompt", "Asks before it says something", func(req mcp.GetPromptRequest) *mcp.GetPromptResult {
		if len(req.Params.InputResponses) == 0 {
			return mcpserver.NewInputRequestBuilder("").
				Elicit("user_context", form("What context should the prompt use?", `{"context": {"type": "string"}}`, "context")).PromptResult()
		}
		return user(mcp.NewTextContent(filled("user_context", "The context: ")(req.Params.InputResponses)))
	})
}
