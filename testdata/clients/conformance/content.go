//go:build conformance

package main

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
)

const (
	redDot  = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC" // a PNG of one pixel
	silence = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQIAAAAAAA=="                             // a WAV of one sample
)

type handler = mcpserver.ToolHandlerFunc

func tool(name, description string, h handler, options ...mcp.ToolOption) mcpserver.ServerTool {
	return mcpserver.ServerTool{
		Tool:    mcp.NewTool(name, append(options, mcp.WithDescription(description))...),
		Handler: h,
	}
}

// always answers the same.
func always(content ...mcp.Content) handler {
	return func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{Content: content}, nil
	}
}

func contentTools() []mcpserver.ServerTool {
	embedded := mcp.NewEmbeddedResource(mcp.TextResourceContents{
		URI: "test://embedded-resource", MIMEType: "text/plain", Text: "This is an embedded resource content.",
	})
	mixed := mcp.NewEmbeddedResource(mcp.TextResourceContents{
		URI: "test://mixed-content-resource", MIMEType: "application/json", Text: `{"test":"data","value":123}`,
	})
	image := mcp.NewImageContent(redDot, "image/png")
	return []mcpserver.ServerTool{
		tool("test_simple_text", "Answers with text", always(mcp.NewTextContent("This is a simple text response for testing."))),
		tool("test_image_content", "Answers with an image", always(image)),
		tool("test_audio_content", "Answers with a sound", always(mcp.NewAudioContent(silence, "audio/wav"))),
		tool("test_embedded_resource", "Answers with a resource", always(embedded)),
		tool("test_multiple_content_types", "Answers with text, image and resource",
			always(mcp.NewTextContent("Multiple content types test:"), image, mixed)),
		tool("test_error_handling", "Fails", func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return mcp.NewToolResultError("This tool intentionally returns an error for testing"), nil
		}),
	}
}

// pause is how long to wait between two notifications: the suite wants about 50 ms,
// and the two streams of a session may swap what comes closer than they are apart.
const pause = 100 * time.Millisecond

// noticeTools tell the client something before they answer.
func noticeTools(s *mcpserver.MCPServer) []mcpserver.ServerTool {
	logs := func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		for _, text := range []string{"Tool execution started", "Tool processing data", "Tool execution completed"} {
			// Nobody has asked for it in the newer era, which is no failure.
			_ = s.SendLogMessageToClient(ctx, mcp.NewLoggingMessageNotification(mcp.LoggingLevelInfo, "conformance", text))
			time.Sleep(pause)
		}
		return mcp.NewToolResultText("Logged three times."), nil
	}
	progress := func(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		for _, n := range []int{0, 50, 100} {
			if meta := req.Params.Meta; meta != nil && meta.ProgressToken != nil {
				if err := s.SendNotificationToClient(ctx, "notifications/progress", map[string]any{
					"progressToken": meta.ProgressToken, "progress": n, "total": 100,
				}); err != nil {
					return nil, err
				}
			}
			time.Sleep(pause)
		}
		return mcp.NewToolResultText("Reported three times."), nil
	}
	return []mcpserver.ServerTool{
		tool("test_tool_with_logging", "Logs while it works", logs),
		tool("test_logging_tool", "Logs while it works", logs),
		tool("test_tool_with_progress", "Reports progress while it works", progress),
	}
}

// schemaTools are about their input schema.
func schemaTools() []mcpserver.ServerTool {
	modern := mcp.NewToolWithRawSchema("json_schema_2020_12_tool", "Has a schema with all that JSON Schema 2020-12 can say", json.RawMessage(`{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
		"$defs": {"address": {"$anchor": "addressDef", "type": "object",
			"properties": {"street": {"type": "string"}, "city": {"type": "string"}}}},
		"properties": {"name": {"type": "string"}, "address": {"$ref": "#/$defs/address"},
			"contactMethod": {"type": "string", "enum": ["phone", "email"]}, "phone": {"type": "string"}, "email": {"type": "string"}},
		"allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
		"if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
		"then": {"required": ["phone"]}, "else": {"required": ["email"]}, "additionalProperties": false}`))
	header := mcp.NewToolWithRawSchema("test_custom_header", "Has an argument that is also an HTTP header",
		json.RawMessage(`{"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}`))
	done := always(mcp.NewTextContent("Done."))
	return []mcpserver.ServerTool{{Tool: modern, Handler: done}, {Tool: header, Handler: done}}
}

func addResources(s *mcpserver.MCPServer) {
	// The product knows only its own resources, and renames others before mcp-go
	// looks for them.
	s.GetHooks().AddBeforeReadResource(func(_ context.Context, _ any, req *mcp.ReadResourceRequest) {
		for _, known := range []string{"test://static-", "test://template/"} {
			if strings.HasPrefix(req.Params.URI, known) {
				req.Params.URI, _, _ = strings.Cut(req.Params.URI, " ")
			}
		}
	})
	s.AddResource(mcp.NewResource("test://static-text", "static-text", mcp.WithMIMEType("text/plain")),
		func(context.Context, mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
			return []mcp.ResourceContents{mcp.TextResourceContents{
				URI: "test://static-text", MIMEType: "text/plain", Text: "This is the content of the static text resource.",
			}}, nil
		})
	s.AddResource(mcp.NewResource("test://static-binary", "static-binary", mcp.WithMIMEType("image/png")),
		func(context.Context, mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
			return []mcp.ResourceContents{mcp.BlobResourceContents{URI: "test://static-binary", MIMEType: "image/png", Blob: redDot}}, nil
		})
	s.AddResourceTemplate(mcp.NewResourceTemplate("test://template/{id}/data", "template", mcp.WithTemplateMIMEType("application/json")),
		func(_ context.Context, req mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
			id := strings.TrimSuffix(strings.TrimPrefix(req.Params.URI, "test://template/"), "/data")
			text, err := json.Marshal(map[string]any{"id": id, "templateTest": true, "data": "Data for ID: " + id})
			if err != nil {
				return nil, err
			}
			return []mcp.ResourceContents{mcp.TextResourceContents{URI: req.Params.URI, MIMEType: "application/json", Text: string(text)}}, nil
		})
}
