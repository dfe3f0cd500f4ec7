package tasks

import (
	"context"
	"encoding/json"
	"time"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/resources/store"
	"wan-image-mcp/tasks/journal"
)

// arguments is how an order is written down; journals outlive the program that
// wrote them, so these names stay.
type arguments struct {
	Model          string `json:"model"`
	Prompt         string `json:"prompt"`
	NegativePrompt string `json:"negative_prompt,omitempty"`
	Size           string `json:"size"`
	N              int    `json:"n"`
	Seed           *int64 `json:"seed,omitempty"`
	PromptExtend   *bool  `json:"prompt_extend,omitempty"`
	Watermark      bool   `json:"watermark,omitempty"`
}

func encode(r dashscope.ImageRequest) ([]byte, error) {
	return json.Marshal(arguments{r.Model, r.Prompt, r.NegativePrompt, r.Size, r.N, r.Seed, r.PromptExtend, r.Watermark})
}

// request decodes the order's arguments, as they were after defaults.
func request(row journal.Task) (dashscope.ImageRequest, error) {
	var a arguments
	err := json.Unmarshal(row.Request, &a)
	return dashscope.ImageRequest{
		Model: a.Model, Prompt: a.Prompt, NegativePrompt: a.NegativePrompt, Size: a.Size,
		N: a.N, Seed: a.Seed, PromptExtend: a.PromptExtend, Watermark: a.Watermark,
	}, err
}

// task is the row as callers see it, but for what changes while nothing happens.
func (s *Service) task(row journal.Task) Task {
	req, err := request(row)
	if err != nil {
		s.log.Error("an order's arguments cannot be read", "task", row.ID, "error", err)
		req = dashscope.ImageRequest{Model: row.Model, N: row.N}
	}
	t := Task{
		ID: row.ID, Owner: row.Owner, Upstream: row.Upstream,
		UpstreamTaskID: row.UpstreamID, UpstreamRequestID: row.RequestID,
		State: State(row.State), Code: row.Code, Reason: row.Reason,
		Request: req, SeedChosen: row.SeedChosen, Sync: row.Sync,
		Simulated: s.cfg.Simulated, Foreign: row.Foreign,
		Billed: row.Billed, Price: price(row),
		Created: row.Created, Submitted: row.Accepted, Ended: row.Ended,
		Expected: s.expected(row.Model),
	}
	for _, p := range row.Pictures {
		t.Pictures = append(t.Pictures, picture(p))
	}
	return t
}

func picture(p journal.Picture) Picture {
	return Picture{
		N: p.N, Kept: kept(p), Link: dashscope.Secret(p.Link), LinkExpires: p.LinkExpires,
		Path: p.Path, ActualPrompt: p.ActualPrompt, Code: p.Code, Reason: p.Reason,
	}
}

func kept(p journal.Picture) store.Picture {
	return store.Picture{SHA256: p.SHA256, MIME: p.MIME, Width: p.Width, Height: p.Height, Bytes: p.Bytes}
}

// price is what was billed, or what will be when every picture succeeds.
func price(row journal.Task) dashscope.CNY {
	n := row.N
	if row.Billed >= 0 {
		n = row.Billed
	}
	switch State(row.State) {
	case Failed, Canceled, NotSubmitted:
		n = 0
	}
	return dashscope.CNY(row.Price * int64(n))
}

// snapshot is the task as it is now.
func (s *Service) snapshot(ctx context.Context, id string) (Task, error) {
	row, err := s.cfg.Journal.Task(ctx, id)
	if err != nil {
		return Task{}, err
	}
	t := s.task(row)
	if t.State == Queued {
		t.Place, err = s.cfg.Journal.Place(ctx, row.Upstream, row.Model, row.ID, time.Now())
	}
	return t, err
}
