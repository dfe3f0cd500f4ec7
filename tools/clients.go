package tools

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// What ResultOptions takes.
const (
	Auto = "auto"

	ImagesPreview = "preview" // a reduced JPEG of each picture
	ImagesFull    = "full"    // the picture itself where it fits, else its preview
	ImagesNone    = "none"

	LinksResource = "resource" // a resource_link to wan://images/...
	LinksHTTPS    = "https"    // a resource_link to the service's own link, while it lasts
	LinksNone     = "none"

	StructuredOn  = "on"
	StructuredOff = "off" // leaves outputSchema out of tools/list too
)

// ResultOptions say what answers carry beside their text. What is not set, or is
// Auto, goes by what the client is known to take; anything else is for every
// client.
type ResultOptions struct {
	Images     string // ImagesPreview (also Auto and ""), ImagesFull or ImagesNone
	Links      string // Auto (also ""), LinksResource, LinksHTTPS or LinksNone
	Structured string // Auto (also ""), StructuredOn or StructuredOff
}

func (o ResultOptions) validate() error {
	for _, option := range []struct {
		name, value string
		legal       []string
	}{
		{"images", o.Images, []string{Auto, ImagesPreview, ImagesFull, ImagesNone}},
		{"links", o.Links, []string{Auto, LinksResource, LinksHTTPS, LinksNone}},
		{"structured", o.Structured, []string{Auto, StructuredOn, StructuredOff}},
	} {
		if option.value != "" && !slices.Contains(option.legal, option.value) {
			return fmt.Errorf("result %s %q is not known: use %s", option.name, option.value, list(option.legal, "or"))
		}
	}
	return nil
}

// ClientInfo is who asks: what it calls itself, and the protocol revision that
// is spoken. What is not known is "".
type ClientInfo struct{ Name, Version, Protocol string }

// Client tells who sent the request of ctx, in either era of the protocol.
func Client(ctx context.Context) ClientInfo {
	c := ClientInfo{Protocol: server.RequestProtocolVersion(ctx)}
	if info := server.RequestProtocolInfoFromContext(ctx); info != nil && info.ClientInfo != nil {
		c.Name, c.Version = info.ClientInfo.Name, info.ClientInfo.Version
	} else if s, ok := server.ClientSessionFromContext(ctx).(server.SessionWithClientInfo); ok {
		info := s.GetClientInfo()
		c.Name, c.Version = info.Name, info.Version
	}
	return c
}

// quirk is what clients of one name do to a part of a result, so that the part
// is better left out for them. Seen by running them in November 2026.
type quirk struct {
	prefix       string // of the client's name
	noStructured bool
	noLinks      bool
	why          string
}

// A client that is not here gets everything: that loses least.
var quirks = []quirk{
	{prefix: "codex-mcp-client", noStructured: true, why: "given structuredContent, it shows its model nothing else: no image, no text"},
	{prefix: "@langchain/", noLinks: true, why: "turns a resource_link into a file block with a wan:// address, which model APIs refuse"},
}

func (c ClientInfo) quirk() quirk {
	for _, q := range quirks {
		if strings.HasPrefix(strings.ToLower(c.Name), q.prefix) {
			return q
		}
	}
	return quirk{}
}

// old reports whether the client speaks a revision from before structured
// results and resource links. A session that survived a restart of the server
// has forgotten its revision; that is taken for a new one.
func (c ClientInfo) old() bool {
	return c.Protocol != "" && c.Protocol < mcp.ProtocolVersion20250618
}

// structured decides whether a client gets structuredContent and outputSchema.
func (o ResultOptions) structured(c ClientInfo) bool {
	switch o.Structured {
	case StructuredOn:
		return true
	case StructuredOff:
		return false
	}
	return !c.old() && !c.quirk().noStructured
}

// links decides what a client gets as links: LinksResource, LinksHTTPS or
// LinksNone. Content of a type that its revision does not have fails the whole
// answer in a client, so no option can ask for that.
func (o ResultOptions) links(c ClientInfo) string {
	switch {
	case c.old():
		return LinksNone
	case o.Links != "" && o.Links != Auto:
		return o.Links
	case c.quirk().noLinks:
		return LinksNone
	}
	return LinksResource
}

// ForClient returns a tool as this client should see it in tools/list: without
// outputSchema when its answers come without structuredContent, because a client
// that was promised it throws the answer away.
func ForClient(info ClientInfo, tool mcp.Tool, o ResultOptions) mcp.Tool {
	if !o.structured(info) {
		tool.RawOutputSchema = nil
	}
	return tool
}
