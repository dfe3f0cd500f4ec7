package tools

import (
	"context"
	"fmt"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/tasks"
)

const recent = 10 // tasks that get_task lists when none is named

// getParams are the arguments of get_task.
type getParams struct {
	TaskID      string `json:"task_id,omitempty" jsonschema_description:"The task_id that generate_image answered, or the service's own. Left out, your ten newest tasks are listed: for when an answer was lost."`
	WaitSeconds *int   `json:"wait_seconds,omitempty"`
}

// getAnswer is either one task or, when none was named, the newest ones.
type getAnswer struct {
	*tasks.Answer
	Tasks []taskLine `json:"tasks,omitzero" jsonschema_description:"The newest tasks, when no task_id was given."`
}

// taskLine is a task in a list: enough to recognise it and ask for the rest.
type taskLine struct {
	TaskID    string      `json:"task_id" jsonschema_description:"Pass it to get_task for the pictures."`
	Status    tasks.State `json:"status"`
	CreatedAt string      `json:"created_at,omitempty"`
	Prompt    string      `json:"prompt,omitempty" jsonschema_description:"How the prompt begins."`
	Model     string      `json:"model,omitempty"`
	Size      string      `json:"size,omitempty"`
	N         int         `json:"n,omitempty" jsonschema_description:"How many pictures were asked for."`
	Kept      int         `json:"kept,omitempty" jsonschema_description:"How many of them are there."`
	Next      string      `json:"next,omitempty" jsonschema_description:"The exact next call, when there is one to make."`
}

func (h *handlers) getTask() (server.ServerTool, error) {
	in, out := reflectOf[getParams](), reflectOf[getAnswer]()
	h.narrowWait(property(in, "wait_seconds"))
	out.Required = nil // a list has no task_id of its own
	return declare(h, spec{
		name:  GetTask,
		title: "Get an image task",
		description: "Get the pictures of a generate_image call, or learn where it stands, also after a restart. Costs nothing, so call it as often as needed. " +
			"It waits up to wait_seconds for a task that is not finished.",
		readOnly: true, idempotent: true, openWorld: true,
		input: in, output: out,
	}, h.get)
}

func (h *handlers) get(ctx context.Context, c call, p getParams) (*mcp.CallToolResult, error) {
	caller := h.Caller(ctx)
	if id := strings.TrimSpace(p.TaskID); id != "" {
		ticket, err := h.Service.Attend(ctx, caller, id)
		if err != nil {
			return nil, err
		}
		defer endOnPanic(ticket)
		h.OnLeave(ctx, func() { ticket.Done(false) })
		t, _ := h.wait(ctx, c, ticket, p.WaitSeconds)
		return h.answer(ctx, c, caller, ticket, t), nil
	}
	newest, err := h.Service.Recent(ctx, caller, recent)
	if err != nil {
		return nil, err
	}
	return h.listTasks(c, newest), nil
}

func (p getParams) check(*handlers) problems { return checkWait(p.WaitSeconds) }

func (h *handlers) listTasks(c call, newest []tasks.Task) *mcp.CallToolResult {
	var b strings.Builder
	fmt.Fprintf(&b, "Your newest tasks: %d. Call get_task with a task_id for its pictures.\n", len(newest))
	if len(newest) == 0 {
		b.Reset()
		b.WriteString("You have no tasks yet. generate_image makes one.\n")
	}
	lines := make([]taskLine, len(newest))
	for i, t := range newest {
		l := line(t)
		lines[i] = l
		fmt.Fprintf(&b, "%s %s, %s, %d of %d pictures, asked for at %s: %q\n", l.TaskID, l.Status, l.Model, l.Kept, l.N, l.CreatedAt, l.Prompt)
	}
	res := mcp.NewToolResultText(b.String())
	if h.Results.structured(c.client) {
		res.StructuredContent = getAnswer{Tasks: lines}
	}
	return res
}

func line(t tasks.Task) taskLine {
	a := t.Answer()
	return taskLine{
		TaskID: a.TaskID, Status: a.Status, CreatedAt: a.CreatedAt, Prompt: dashscope.OneLine(t.Request.Prompt, 100),
		Model: a.Model, Size: a.Size, N: a.N, Kept: kept(t), Next: a.Next,
	}
}
