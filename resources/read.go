package resources

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/tasks"
)

// maxAnswer bounds the answer that carries a picture: widespread clients close
// the connection over a message of 10 MiB. The rest of the message is small.
const (
	maxAnswer   = 10<<20 - 4<<10
	maxBlobSize = maxAnswer / 4 * 3 // base64 writes three bytes as four
)

// read serves every resource. Only what exists gets here: see notFound.
func (s *Shelf) read(ctx context.Context, req mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
	uri := req.Params.URI
	f, err := s.find(ctx, uri)
	switch {
	case err != nil:
		return nil, err
	case f.budget:
		budget, err := s.service.Budget(ctx)
		if err != nil {
			return nil, err
		}
		return asJSON(uri, budget)
	case f.reference.model != "":
		return asJSON(uri, s.model(f.model))
	case f.n == 0:
		return asJSON(uri, f.task.Answer())
	}
	return s.readPicture(ctx, uri, f)
}

func (s *Shelf) readPicture(ctx context.Context, uri string, f found) ([]mcp.ResourceContents, error) {
	if f.picture.Kept.Bytes > maxBlobSize {
		return tooBig(uri, f.picture), nil
	}
	p, data, err := s.service.Bytes(ctx, s.caller(ctx), f.reference.task, f.n)
	if err != nil {
		return nil, err
	}
	return []mcp.ResourceContents{mcp.BlobResourceContents{
		URI: uri, MIMEType: p.Kept.MIME, Blob: base64.StdEncoding.EncodeToString(data),
	}}, nil
}

// tooBig says where the picture is that cannot be sent.
func tooBig(uri string, p tasks.Picture) []mcp.ResourceContents {
	text := fmt.Sprintf("The picture has %d bytes, and an answer may carry %d.", p.Kept.Bytes, maxBlobSize)
	if p.Path != "" {
		text += " It is in the file " + p.Path + "."
	}
	if link := p.Link.Reveal(); link != "" && time.Now().Before(p.LinkExpires) {
		text += fmt.Sprintf(" Until %s it can be fetched from %s", p.LinkExpires.UTC().Format(time.RFC3339), link)
	}
	return []mcp.ResourceContents{mcp.TextResourceContents{URI: uri, MIMEType: "text/plain", Text: text}}
}

func asJSON(uri string, v any) ([]mcp.ResourceContents, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("write %T as JSON: %w", v, err)
	}
	return []mcp.ResourceContents{mcp.TextResourceContents{URI: uri, MIMEType: jsonType, Text: string(text)}}, nil
}

// modelAnswer is what wan://models/{model} tells.
type modelAnswer struct {
	dashscope.Facts
	Region  dashscope.Region `json:"region"`
	Enabled bool             `json:"enabled"` // on this server, in its region
	Source  string           `json:"source"`
	Schema  json.RawMessage  `json:"schema"` // of generate_image's arguments for this model
}

func (s *Shelf) model(m dashscope.Model) modelAnswer {
	enabled := slices.ContainsFunc(s.models, func(other dashscope.Model) bool { return other.ID == m.ID })
	return modelAnswer{m.Facts(s.region), s.region, enabled, m.Source, m.JSONSchema()}
}
