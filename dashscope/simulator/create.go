package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

const seedMax = 1<<31 - 1

// createBody is the outer shape of every create call.
type createBody struct {
	Model      *string         `json:"model"`
	Input      json.RawMessage `json:"input"`
	Parameters json.RawMessage `json:"parameters"`
}

type promptInput struct {
	Prompt         string `json:"prompt"`
	NegativePrompt string `json:"negative_prompt"`
}

type messagesInput struct {
	Messages []struct {
		Role    string `json:"role"`
		Content []struct {
			Text *string `json:"text"`
		} `json:"content"`
	} `json:"messages"`
}

type parameters struct {
	Size           string `json:"size"`
	N              *int   `json:"n"`
	Seed           *int64 `json:"seed"`
	PromptExtend   *bool  `json:"prompt_extend"`
	Watermark      bool   `json:"watermark"`
	NegativePrompt string `json:"negative_prompt"` // messages form
}

func (s *Simulator) create(c *call) reply {
	t, refused := s.accept(c)
	if refused != nil {
		return *refused
	}
	return answerJSON(t.createdAnswer())
}

// createSync answers when the picture is there, but at most after the
// gateway's time limit; the picture is made and billed all the same.
func (s *Simulator) createSync(c *call) reply {
	t, refused := s.accept(c)
	if refused != nil {
		return *refused
	}
	const gateway = 298 * time.Second
	took := t.End.Sub(t.Created)
	if t.End.IsZero() || took > gateway {
		c.late += gateway
		return failWith("RequestTimeOut", "")
	}
	c.late += took
	if t.Code != "" {
		return failWith(t.Code, "")
	}
	return answerJSON(t.syncAnswer(s.links(c, t)))
}

// accept reads a create call and, unless it is refused, makes it a task.
func (s *Simulator) accept(c *call) (*task, *reply) {
	t, m, refused := s.parse(c)
	if refused != nil {
		r := refused.reply()
		return nil, &r
	}
	c.entry.N, c.entry.Prompt, c.entry.Markers = t.N, shorten(t.Prompt, 200), texts(t.Markers)
	if c.fault.Kind == "" {
		s.strikeByMarker(c, t)
	}
	if c.fault.before() {
		return nil, &reply{} // the fault makes the answer
	}
	if refused = s.enqueue(c, t, m); refused != nil {
		r := refused.reply()
		return nil, &r
	}
	return t, nil
}

// enqueue gives the task its place, if the limits let it have one.
func (s *Simulator) enqueue(c *call, t *task, m model) *failure {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if err := s.shelf.refresh(now); err != nil {
		return refuse("InternalError", err.Error())
	}
	if !s.submit(m, now) {
		return refuse("Throttling.RateQuota", "")
	}
	open, waiting := s.open(m.name, now)
	if waiting >= queueMax || s.refuseExcess && len(open) >= m.running {
		return refuse("Throttling.Concurrency", "")
	}
	s.plan(t, m, open, now.Add(c.late))
	if err := s.shelf.put(t); err != nil {
		return refuse("InternalError", err.Error())
	}
	s.count(t, open)
	c.entry.Accepted, c.entry.TaskID = true, t.ID
	return nil
}

// parse checks a create call as the service does, in its order, except for
// the limits.
func (s *Simulator) parse(c *call) (*task, model, *failure) {
	var body createBody
	if json.Unmarshal(c.body, &body) != nil {
		return nil, model{}, refuse("InvalidParameter", "")
	}
	if body.Model == nil || *body.Model == "" {
		return nil, model{}, refuse("BadRequest.EmptyModel", "")
	}
	c.entry.Model = shorten(*body.Model, 100)
	m, refused := s.modelFor(c, *body.Model)
	switch {
	case refused != nil:
		return nil, m, refused
	case missing(body.Input):
		return nil, m, refuse("BadRequest.EmptyInput", "")
	case body.Input[0] != '{':
		return nil, m, refuse("BadRequest.IllegalInput", "")
	case missing(body.Parameters):
		return nil, m, refuse("BadRequest.EmptyParameters", "")
	}
	var p parameters
	if json.Unmarshal(body.Parameters, &p) != nil {
		return nil, m, refuse("InvalidParameter", "")
	}
	t := &task{Model: m.name, Messages: m.messages, Sync: c.op == "sync", Watermark: p.Watermark}
	message := t.setPrompt(m, body.Input, p.NegativePrompt)
	if message == "" {
		message = s.setParameters(c, t, m, p)
	}
	if message != "" {
		return nil, m, refuse("InvalidParameter", message)
	}
	return t, m, nil
}

func refuse(code, message string) *failure {
	f := fail(code, message)
	return &f
}

func missing(raw json.RawMessage) bool {
	return len(raw) == 0 || bytes.Equal(raw, []byte("null"))
}

// modelFor finds the model and holds it against path and headers.
func (s *Simulator) modelFor(c *call, name string) (model, *failure) {
	m, served := s.region.model(name)
	if !served {
		if knownSomewhere(name) {
			return m, refuse("InvalidParameter", "Model not exist.")
		}
		return m, refuse("ModelNotFound", fmt.Sprintf("The model %s does not exist or you do not have access to it.", shorten(name, 100)))
	}
	path := strings.TrimRight(c.r.URL.Path, "/")
	right := path == pathPrompt && !m.messages || path == pathMessages && m.messages || path == pathSync && m.sync
	async := c.r.Header.Get("X-DashScope-Async") != ""
	switch {
	case !right:
		return m, refuse("InvalidParameter", "url error, please check url！")
	case async && path == pathSync:
		return m, refuse("AccessDenied", "current user api does not support asynchronous calls")
	case !async && path != pathSync:
		return m, refuse("AccessDenied", "current user api does not support synchronous calls.")
	}
	return m, nil
}

// setPrompt reads either form of the input. What is too long is cut without a
// word: that is what the service does.
func (t *task) setPrompt(m model, raw json.RawMessage, negative string) (message string) {
	prompt, ok := "", false
	if m.messages {
		var in messagesInput
		err := json.Unmarshal(raw, &in)
		if err == nil && len(in.Messages) == 1 && in.Messages[0].Role == "user" && len(in.Messages[0].Content) == 1 {
			if text := in.Messages[0].Content[0].Text; text != nil {
				prompt, ok = *text, true
			}
		}
	} else {
		var in promptInput
		ok = json.Unmarshal(raw, &in) == nil
		prompt, negative = in.Prompt, in.NegativePrompt
	}
	if !ok {
		return fail("InvalidParameter", "").message
	}
	if strings.TrimSpace(prompt) == "" {
		return "The prompt should not be empty"
	}
	markers, err := findMarkers(prompt)
	if err != nil {
		return err.Error()
	}
	t.Markers = markers
	t.Prompt = cut(prompt, m.promptMax)
	t.Negative = cut(negative, negativeMax)
	return ""
}

func (s *Simulator) setParameters(c *call, t *task, m model, p parameters) (message string) {
	if p.Size == "" {
		p.Size = m.size
	}
	var ok bool
	if t.Width, t.Height, ok = m.parseSize(p.Size); !ok {
		return m.sizeRule()
	}
	if p.N == nil {
		if s.o.Strict {
			c.entry.Violation = "create without n"
			return "simulator, strict: n is missing, and the service would make and bill 4 pictures"
		}
		s.logger.Warn("create without n: the service makes and bills 4 pictures", "model", m.name)
		four := 4
		p.N = &four
	}
	if t.N = *p.N; t.N < 1 || t.N > 4 {
		return "Range of n should be [1, 4]"
	}
	t.Seed = int64(hash(t.Prompt) & seedMax)
	if p.Seed != nil {
		t.Seed = *p.Seed
	}
	if t.Seed < 0 || t.Seed > seedMax {
		return "Range of seed should be [0, 2147483647]"
	}
	t.Extend = p.PromptExtend == nil || *p.PromptExtend
	return ""
}

// strikeByMarker lets the prompt's own markers happen to the call. The
// markers with a count do so only for the first calls with this prompt.
func (s *Simulator) strikeByMarker(c *call, t *task) {
	var all Fault
	for _, m := range t.Markers {
		f, hit := m.fault()
		if !hit || !s.stillCounts(m, t.Prompt) {
			continue
		}
		f.DelayMS += all.DelayMS
		if f.Kind == "delay" && all.Kind != "" {
			f.Kind, f.After, f.Status, f.Code = all.Kind, all.After, all.Status, all.Code
		}
		all = f
	}
	if all.Kind != "" {
		c.strike(all)
	}
}

// plan gives the task its ids and its place in the queue.
func (s *Simulator) plan(t *task, m model, open []*task, at time.Time) {
	t.ID, t.RequestID, t.LinkKey = newID(), newID(), newKey()
	t.Created = at
	t.Scheduled = schedule(open, m.running, at)
	if value, found := t.value("queue"); found {
		if later := at.Add(marker{"queue", value}.duration()); later.After(t.Scheduled) {
			t.Scheduled = later
		}
	}
	s.drawn[m.name]++
	took := s.draw(m, s.drawn[m.name], t.N, t.Extend)
	t.End = t.Scheduled.Add(time.Duration(float64(took) / s.o.Speed))
	if value, found := t.value("slow"); found {
		t.End = t.Scheduled.Add(marker{"slow", value}.duration())
	}
	if t.has("stuck") {
		t.End = time.Time{}
	}
	if code, found := t.value("fail"); found {
		t.Code = code
		if code == "" {
			t.Code = "InternalError.Algo"
		}
	}
}

func cut(s string, limit int) string {
	if runes := []rune(s); len(runes) > limit {
		return string(runes[:limit])
	}
	return s
}

func shorten(s string, limit int) string {
	if short := cut(s, limit); short != s {
		return short + "..."
	}
	return s
}
