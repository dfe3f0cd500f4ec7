package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"

	mcpserver "github.com/mark3labs/mcp-go/server"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/server"
	"wan-image-mcp/tasks"
	"wan-image-mcp/tools"
)

// serving is what only serve has to know.
type serving struct {
	transport string
	listen    string
	outputDir string
	tokenFile string
	hosts     []string
	origins   []string
	results   tools.ResultOptions
}

func (o *serving) flags(f *pflag.FlagSet) {
	kind, parse := oneOf("stdio", "http", "sse")
	set(f, &o.transport, "transport", "stdio", kind, "how clients connect: stdio, Streamable HTTP (with the old SSE beside it), or the old HTTP+SSE alone", parse)
	set(f, &o.listen, "listen", "127.0.0.1:8080", "HOST:PORT", "address of http and sse; another than this computer's own only with tokens", parseAddress)
	f.StringVar(&o.tokenFile, "token-file", "", "`FILE` of who may use http and sse: a name and the SHA-256 of a token on each line; each name sees only its own pictures; SIGHUP reads it anew")
	f.StringSliceVar(&o.hosts, "allow-host", nil, "`NAME` that http and sse may be asked under besides this computer's own; may be repeated")
	f.StringSliceVar(&o.origins, "allow-origin", nil, "`URL` of a web page that may use http and sse, such as https://example.com; may be repeated")
	o.answerFlags(f)
}

// answerFlags say what a client gets to see of pictures.
func (o *serving) answerFlags(f *pflag.FlagSet) {
	f.StringVar(&o.outputDir, "output-dir", "", "`FOLDER` for pictures under readable names, none for none (default wan-image-mcp in the pictures folder, or in the state folder where there is none; over http and sse none)")
	kind, parse := oneOf(tools.ImagesPreview, tools.ImagesFull, tools.ImagesNone)
	set(f, &o.results.Images, "result-images", tools.ImagesPreview, kind, "what a tool result shows of a picture: a reduced JPEG, the picture itself where it fits, or nothing", parse)
	kind, parse = oneOf(tools.Auto, tools.LinksResource, tools.LinksHTTPS, tools.LinksNone)
	set(f, &o.results.Links, "result-links", tools.Auto, kind, "links in tool results: MCP resources, the service's own links (24 hours), or none; auto goes by the client", parse)
	kind, parse = oneOf(tools.Auto, tools.StructuredOn, tools.StructuredOff)
	set(f, &o.results.Structured, "structured", tools.Auto, kind, "structuredContent in tool results; auto goes by the client", parse)
}

func (p *program) serveCommand(name string) *cobra.Command {
	var (
		s settings
		o serving
	)
	cmd := &cobra.Command{
		Use:   name,
		Short: "Serve MCP clients",
		Long: `Serves MCP clients with the tools generate_image, get_task and list_models and with
the pictures as resources. Over stdio it serves the one client that started it; with
--transport http it listens, at /mcp for Streamable HTTP and at /sse and /message for
the old HTTP+SSE transport. Everybody on this computer may then use it and spend your
money, unless it has tokens (--token-file, or one in WAN_IMAGE_MCP_TOKEN). Without
tokens it serves this computer only.

End of input, Ctrl-C and SIGTERM end it within six seconds; what was ordered goes on
with the next start.

Without a key it starts all the same: the tools answer and say what to set.`,
		Example: `  wan-image-mcp serve --simulate
  DASHSCOPE_API_KEY=sk-... wan-image-mcp serve --region singapore --models wan2.6-t2i
  wan-image-mcp serve --transport http --listen 127.0.0.1:8080`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.serve(cmd.Context(), &s, o)
		},
	}
	f := cmd.Flags()
	o.flags(f)
	s.serviceFlags(f)
	s.orderFlags(f)
	s.fetchFlags(f)
	s.stateFlags(f)
	s.log.flags(f, "info")
	return cmd
}

// serve serves until its client or ctx ends.
func (p *program) serve(ctx context.Context, s *settings, o serving) (err error) {
	if err := s.resolve(p.getenv); err != nil {
		return err
	}
	log := s.log.logger(p.stderr, p.colour())
	slog.SetDefault(log) // mcp-go's SSE transport knows no other
	outputDir, err := p.readableCopies(s, o, log)
	if err != nil {
		return err
	}
	var l *listening // nil over stdio
	if o.transport != "stdio" {
		if l, err = p.listen(ctx, o, log); err != nil {
			return err
		}
		defer l.stopTokens()
		defer l.Close()
	}
	metrics := server.NewMetrics()
	w, err := p.open(ctx, s, log, outputDir, metrics.Upstream)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	if w.noKey != nil {
		log.Warn("no API key: the tools answer, but no picture can be made; set "+envKey+" or "+envKeyFile+", or use --simulate",
			"base_url", w.base)
	}
	var pictureLink func(tasks.Task, int) string
	if l != nil && l.url() != "" {
		l.config.Links = server.NewLinks(w.tasks, l.url())
		pictureLink = l.config.Links.URL
	}
	mcpServer, err := p.mcpServer(w, s, o.results, pictureLink)
	if err != nil {
		return err
	}
	defer metrics.Watch(w.tasks)()
	w.run(context.WithoutCancel(ctx)) // it ends last
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(ctx, w.stop)() // nothing new is sent while answers go out
	go func() { <-w.ended; stop() }()      // without the work there is nothing to serve
	if l != nil {
		return l.serve(ctx, w, mcpServer, metrics)
	}
	log.Info("serving", "transport", "stdio", "state", s.place())
	if isTerminal(p.stdin) {
		fmt.Fprintln(p.stderr, "This is for an MCP client to run. wan-image-mcp --help tells what a person can do; Ctrl-C ends it.")
	}
	return server.Stdio(ctx, mcpServer, p.stdin, p.stdout, log)
}

// mcpServer is the one that all transports and the command line share.
// pictureLink makes a web address of a picture; nil means that there is none.
func (p *program) mcpServer(w *work, s *settings, results tools.ResultOptions,
	pictureLink func(tasks.Task, int) string,
) (*mcpserver.MCPServer, error) {
	var models []dashscope.Model
	for _, id := range s.models {
		m, _ := dashscope.LookupModel(id)
		models = append(models, m)
	}
	return server.NewMCP(server.Deps{
		Service: w.tasks, Models: models, Region: s.region, DefaultModel: s.defaultModel, MaxImages: int(s.perCall),
		Results: results, PictureLink: pictureLink, NoKey: w.noKey, LocalOwner: w.owner, Version: readBuild().Version, Logger: w.log,
	})
}

// readableCopies is where pictures go under readable names, "" for nowhere. Only
// a client on this computer's own stdio is told paths, unless the user asks.
func (p *program) readableCopies(s *settings, o serving, log *slog.Logger) (string, error) {
	if o.outputDir == "none" || (o.outputDir == "" && o.transport != "stdio") {
		return "", nil
	}
	dir := o.outputDir
	if dir == "" {
		dir = outputDir(runtime.GOOS, p.getenv, s.place())
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("folder for the pictures: %w", err)
	}
	if err := canWrite(dir); err != nil {
		if o.outputDir != "" {
			return "", &usageError{withHint(fmt.Errorf("--output-dir: %w", err), "name a folder that can be written, or none")}
		}
		log.Warn("pictures get no readable copy; name a folder with --output-dir", "folder", dir, "reason", err)
		return "", nil
	}
	return dir, nil
}
