package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"wan-image-mcp/tasks"
	"wan-image-mcp/tools"
)

// toolClient calls the tools as any MCP client does, within this process.
type toolClient struct{ mcp *client.Client }

func connect(ctx context.Context, s *server.MCPServer) (*toolClient, error) {
	c, err := client.NewInProcessClient(s)
	if err != nil {
		return nil, err
	}
	if err := c.Start(ctx); err != nil {
		return nil, err
	}
	hello := mcp.InitializeRequest{}
	hello.Params.ClientInfo = mcp.Implementation{Name: folderName, Version: readBuild().Version}
	hello.Params.ProtocolVersion = mcp.LATEST_PROTOCOL_VERSION
	if _, err := c.Initialize(ctx, hello); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return &toolClient{c}, nil
}

// toolError is what a tool answered instead of a result.
type toolError string

func (e toolError) Error() string { return commandLine.Replace(string(e)) }

// call calls a tool and reads its structured answer.
func (c *toolClient) call(ctx context.Context, tool string, arguments map[string]any) (tasks.Answer, error) {
	var a tasks.Answer
	request := mcp.CallToolRequest{}
	request.Params.Name, request.Params.Arguments = tool, arguments
	result, err := c.mcp.CallTool(ctx, request)
	if err != nil {
		return a, err
	}
	if result.IsError {
		var texts []string
		for _, content := range result.Content {
			if text, ok := content.(mcp.TextContent); ok {
				texts = append(texts, strings.TrimSpace(text.Text))
			}
		}
		err = toolError(strings.Join(texts, "\n"))
		if tools.BadArguments(result) {
			err = &usageError{err}
		}
		return a, err
	}
	b, err := json.Marshal(result.StructuredContent)
	if err != nil {
		return a, err
	}
	return a, json.Unmarshal(b, &a)
}

// attendance is one command that waits for one task.
type attendance struct {
	p      *program
	cmd    *cobra.Command
	s      *settings
	d      delivery
	dir    string // where pictures go, "" for nowhere
	orders bool   // it does not ask for what was ordered before
	work   *work
	mcp    *toolClient
	show   *progress
}

// attend opens everything, asks first for a task, waits for it and delivers it.
func (p *program) attend(cmd *cobra.Command, s *settings, d delivery, dir string,
	first func(context.Context, *toolClient) (tasks.Answer, error),
) (err error) {
	if err := s.resolve(p.getenv); err != nil {
		return err
	}
	s.waits = true
	screen := &screen{w: p.stderr}
	bar := isTerminal(p.stderr) && p.getenv("TERM") != "dumb"
	w, err := p.open(cmd.Context(), s, s.log.logger(screen, p.colour()), "", nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	if w.noKey != nil {
		return withHint(errors.New("there is no API key"), "%s; to try it without a key and without cost, add --simulate", whereKeysGo)
	}
	w.run(context.WithoutCancel(cmd.Context())) // it ends last
	mcpServer, err := p.mcpServer(w, s, tools.ResultOptions{Images: tools.ImagesNone, Structured: tools.StructuredOn}, nil)
	if err != nil {
		return err
	}
	c, err := connect(cmd.Context(), mcpServer)
	if err != nil {
		return err
	}
	defer c.mcp.Close()
	t := &attendance{
		p: p, cmd: cmd, s: s, d: d, dir: dir, orders: cmd.Name() == "generate", work: w, mcp: c,
		show: &progress{screen: screen, bar: bar, quiet: d.quiet, started: time.Now()},
	}
	return t.run(cmd.Context(), first)
}

func (t *attendance) run(ctx context.Context, first func(context.Context, *toolClient) (tasks.Answer, error)) error {
	a, err := first(ctx, t.mcp)
	if err != nil {
		return t.failed(ctx, "", err)
	}
	id, deduplicated := a.TaskID, a.Deduplicated
	if deduplicated && !t.d.quiet {
		fmt.Fprintln(t.p.stderr, "Found an earlier order of the same pictures instead of paying again.")
	}
	if a, err = t.wait(ctx, a); err != nil {
		return t.failed(ctx, id, err)
	}
	a.Deduplicated = deduplicated
	if err := t.save(ctx, &a); err != nil {
		return withHint(err, "the pictures are kept: %s", t.again(id))
	}
	if err := t.print(a); err != nil {
		return err
	}
	// Not before: who was not given the pictures finds them with the same command.
	if err := t.work.tasks.Delivered(context.WithoutCancel(ctx), t.work.caller(), id); err != nil {
		t.work.log.Warn("the delivery could not be noted", "task", id, "error", err)
	}
	return nil
}

// patience is how long one call of get_task waits. There is no limit on the
// number of calls: an order takes as long as it takes.
const patience = 10 * time.Minute

// wait calls get_task until the task can bring nothing new.
func (t *attendance) wait(ctx context.Context, a tasks.Answer) (tasks.Answer, error) {
	id := a.TaskID
	forget := t.work.tasks.Subscribe(func(task tasks.Task) {
		if task.ID == id {
			t.show.update(task)
		}
	})
	defer forget()
	task, err := t.work.tasks.Get(ctx, t.work.caller(), id)
	if err != nil {
		return a, err
	}
	t.show.update(task)
	defer t.show.run()()
	for {
		asked := time.Now()
		if a, err = t.mcp.call(ctx, tools.GetTask, map[string]any{"task_id": id, "wait_seconds": int(patience.Seconds())}); err != nil {
			return a, err
		}
		if task, err = t.work.tasks.Get(ctx, t.work.caller(), id); err != nil || task.Settled() {
			return a, err
		}
		if err := pause(ctx, time.Second-time.Since(asked)); err != nil {
			return a, err
		}
	}
}

// pause waits for d, or for less when ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// failed words the end of a call that brought no pictures. The tool's own words
// are for a model; a person is told about the order.
func (t *attendance) failed(ctx context.Context, id string, err error) error {
	if ctx.Err() != nil {
		return t.farewell(id)
	}
	task, getErr := t.work.tasks.Get(ctx, t.work.caller(), id)
	if getErr != nil || !task.State.Terminal() {
		return err
	}
	if t.d.json {
		err = t.p.printJSON(task.Answer())
	}
	return errors.Join(fmt.Errorf("%s: %s (task %s)", endOf(task.State), commandLine.Replace(task.Reason), id), ignoreTool(err))
}

// endOf says how an order ended that has no pictures.
func endOf(s tasks.State) string {
	switch s {
	case tasks.NotSubmitted:
		return "the order was not submitted, and nothing was bought"
	case tasks.Expired:
		return "the service has forgotten the order"
	case tasks.Canceled:
		return "the order was taken back"
	}
	return "the order failed"
}

// ignoreTool leaves only what a tool did not say.
func ignoreTool(err error) error {
	if tool := toolError(""); errors.As(err, &tool) {
		return nil
	}
	return err
}

// farewell tells somebody who pressed Ctrl-C what becomes of the order. What he ordered
// and was not sent yet is taken back, unless somebody else waits for it.
func (t *attendance) farewell(id string) error {
	if id == "" {
		return errors.New("interrupted; wan-image-mcp task lists what was ordered")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if t.orders {
		// Without an answer the order goes on.
		if _, taken, _ := t.work.tasks.Withdraw(ctx, t.work.caller(), id); taken {
			return errors.New("interrupted before the order was sent: nothing was bought")
		}
	}
	but := "the order was sent"
	if task, err := t.work.tasks.Get(ctx, t.work.caller(), id); err == nil && task.State == tasks.Queued {
		but = "the order is still in line"
	}
	paid := "it goes on and is paid for"
	if t.s.simulate {
		paid = "it goes on in the simulator"
	}
	return withHint(fmt.Errorf("interrupted, but %s: %s", but, paid), "get its pictures with: %s", t.again(id))
}

// again is the command that brings the pictures of a task, at the same service.
func (t *attendance) again(id string) string {
	words := []string{"wan-image-mcp", "task"}
	t.cmd.Flags().Visit(func(f *pflag.Flag) {
		switch f.Name {
		case "simulate":
			words = append(words, "--simulate")
		case "region", "workspace", "state-dir", "allow-image-host", "allow-image-range":
			value := f.Value.String()
			if list, ok := f.Value.(pflag.SliceValue); ok {
				value = strings.Join(list.GetSlice(), ",")
			}
			words = append(words, "--"+f.Name, quoted(value))
		}
	})
	return strings.Join(append(words, id), " ")
}

// quoted makes text one word of a shell.
func quoted(text string) string {
	switch {
	case !strings.ContainsAny(text, " \t'\"$&;|<>()*?[]\\`!"):
		return text
	case runtime.GOOS == "windows":
		return `"` + text + `"`
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
