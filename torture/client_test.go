package torture_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// wish is one thing that the client wants: all calls with the same arguments.
type wish struct {
	marker string // unique, at the beginning of the prompt
	args   map[string]any
	key    string
	calls  []*call              // of generate_image, in the order of their sending
	given  map[string]time.Time // tasks whose pictures the client was given, and when
	tasks  []string             // every task that the client was told of
}

func (k *wish) name() string {
	if k == nil {
		return "somebody else's task"
	}
	return k.marker
}

// call is one request of the client's, and what it knows about it.
type call struct {
	server   *server
	id       int
	wish     *wish  // of generate_image
	task     string // of get_task
	parallel bool   // sent beside another one on purpose: pictures in addition
	sent     time.Time
	canceled time.Time
	answered time.Time // zero for never
	answer   answer
}

// answer is what a tool told of a task.
type answer struct {
	TaskID       string  `json:"task_id"`
	UpstreamID   string  `json:"upstream_task_id"`
	Status       string  `json:"status"`
	Deduplicated bool    `json:"deduplicated"`
	Images       []image `json:"images"`
	Tasks        []struct {
		TaskID string `json:"task_id"`
		Prompt string `json:"prompt"`
	} `json:"tasks"`

	text    string
	isError bool
}

type image struct {
	N           int    `json:"n"`
	ResourceURI string `json:"resource_uri"`
	URL         string `json:"url"`
	MIME        string `json:"mime_type"`
	Bytes       int    `json:"bytes"`
	Width       int    `json:"width"`
	Height      int    `json:"height"`
}

var (
	taskLine  = regexp.MustCompile(`(?m)^task_id: ([a-z0-9]{26})$`)
	stateWord = regexp.MustCompile(`^[A-Z_]+`)
)

func readAnswer(m message) (a answer, err error) {
	var result struct {
		Structured json.RawMessage `json:"structuredContent"`
		IsError    bool            `json:"isError"`
		Content    []struct {
			Text string `json:"text"`
		} `json:"content"`
	}
	if m.Error != nil {
		return a, fmt.Errorf("error %d: %s", m.Error.Code, m.Error.Message)
	}
	if err := json.Unmarshal(m.Result, &result); err != nil {
		return a, err
	}
	if len(result.Structured) > 0 {
		if err := json.Unmarshal(result.Structured, &a); err != nil {
			return a, err
		}
	}
	if len(result.Content) > 0 {
		a.text = result.Content[0].Text
	}
	a.isError = result.IsError
	if id := taskLine.FindStringSubmatch(a.text); id != nil && a.TaskID == "" {
		a.TaskID, a.Status = id[1], stateWord.FindString(a.text)
	}
	return a, nil
}

// hasPictures reports whether the client was given something to look at.
func (a answer) hasPictures() bool {
	return slices.ContainsFunc(a.Images, func(i image) bool { return i.ResourceURI != "" || i.URL != "" })
}

func isFinal(state string) bool {
	return slices.Contains([]string{"SUCCEEDED", "FAILED", "CANCELED", "NOT_SUBMITTED", "EXPIRED"}, state)
}

// history is all that the client remembers. Its fields are under world.mu.
type history struct {
	wishes []*wish
	calls  []*call
	owners map[string]*wish // by task
	ends   map[string]end   // by task
}

// end is the final state that the client was told first.
type end struct {
	state string
	at    time.Time
}

// generate calls generate_image for a wish.
func (w *world) generate(s *server, k *wish, wait int, parallel bool) *call {
	args := map[string]any{"wait_seconds": wait}
	maps.Copy(args, k.args)
	c := &call{server: s, wish: k, parallel: parallel}
	w.mu.Lock()
	k.calls = append(k.calls, c)
	w.mu.Unlock()
	w.sendCall(c, "generate_image", args)
	return c
}

// getTask calls get_task; an empty id lists the newest tasks.
func (w *world) getTask(s *server, id string, wait int) *call {
	args := map[string]any{"wait_seconds": wait}
	if id != "" {
		args["task_id"] = id
	}
	c := &call{server: s, task: id}
	w.sendCall(c, "get_task", args)
	return c
}

func (w *world) sendCall(c *call, tool string, args map[string]any) {
	w.mu.Lock()
	c.sent = time.Now()
	w.calls = append(w.calls, c)
	w.pending[c.server] = append(w.pending[c.server], c)
	c.server.mu.Lock()
	c.id = c.server.last + 1 // hear may come before tool returns
	c.server.mu.Unlock()
	w.mu.Unlock()
	c.server.tool(tool, args)
}

// heard takes in an answer, whoever still waits for it.
func (w *world) heard(s *server, id int, m message) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.IndexFunc(w.pending[s], func(c *call) bool { return c.id == id })
	if i < 0 {
		return // no tool call
	}
	c := w.pending[s][i]
	w.pending[s] = slices.Delete(w.pending[s], i, i+1)
	a, err := readAnswer(m)
	if err != nil {
		w.wrong("%s: a tool call was answered with %v", s.name, err)
		return
	}
	c.answered, c.answer = time.Now(), a
	for _, line := range a.Tasks {
		w.know(line.TaskID, w.wishOf(line.Prompt))
	}
	switch {
	case a.TaskID != "":
		w.learn(c, a)
	case a.isError:
		w.refused(c, a)
	}
}

// learn takes in what was told of one task.
func (w *world) learn(c *call, a answer) {
	k := c.wish
	if k == nil {
		k = w.subject(c.task)
	}
	w.know(a.TaskID, k)
	if owner := w.owners[a.TaskID]; k != owner {
		w.wrong("%s: asked for %s and got task %s of %s", c.server.name, k.name(), a.TaskID, owner.name())
		return
	}
	if k != nil && a.hasPictures() {
		if _, again := k.given[a.TaskID]; !again {
			k.given[a.TaskID] = c.answered
		}
	}
	told, known := w.ends[a.TaskID]
	switch {
	case known && told.state != a.Status && c.sent.After(told.at):
		w.wrong("%s: task %s was %s and is now %s", c.server.name, a.TaskID, told.state, a.Status)
	case !known && isFinal(a.Status):
		w.ends[a.TaskID] = end{a.Status, c.answered}
	}
}

// refused is the answer to a call that came to nothing. Only a server that is about
// to end may give it, but for a service's id, for which it has to ask the service.
func (w *world) refused(c *call, a answer) {
	isOver := w.budget > 0 && strings.Contains(a.text, "over the budget")
	if isOver {
		w.verdict.overBudget++
	}
	if !isOver && !c.server.isLeaving() && !strings.Contains(c.task, "-") {
		w.wrong("%s: a call was refused: %s", c.server.name, a.text)
	}
	if c.wish != nil && !strings.Contains(a.text, "othing was ordered") {
		w.wrong("%s: a refusal does not say that nothing was ordered: %s", c.server.name, a.text)
	}
}

// know notes whose task it is.
func (w *world) know(task string, k *wish) {
	if task == "" || k == nil {
		return
	}
	if w.owners[task] == nil {
		w.owners[task] = k
		k.tasks = append(k.tasks, task)
	}
}

// wishOf finds the wish by the marker that its prompt begins with.
func (w *world) wishOf(prompt string) *wish {
	marker, _, _ := strings.Cut(prompt, " ")
	return w.byMarker[marker]
}
