package simulator

import (
	"strconv"
	"strings"
	"time"
	"unicode"
)

// The fields of these structs stand in the order of the service's own JSON.

type taskID struct {
	TaskStatus string `json:"task_status"`
	TaskID     string `json:"task_id"`
}

type created struct {
	Output    taskID `json:"output"`
	RequestID string `json:"request_id"`
}

type queried struct {
	RequestID string `json:"request_id,omitempty"`
	Output    output `json:"output"`
	Usage     any    `json:"usage,omitempty"`
}

type output struct {
	TaskID        string   `json:"task_id"`
	TaskStatus    string   `json:"task_status"`
	SubmitTime    string   `json:"submit_time,omitempty"`
	ScheduledTime string   `json:"scheduled_time,omitempty"`
	EndTime       string   `json:"end_time,omitempty"`
	Code          string   `json:"code,omitempty"`
	Message       string   `json:"message,omitempty"`
	Finished      bool     `json:"finished,omitempty"`
	Choices       []choice `json:"choices,omitempty"`
	Results       []result `json:"results,omitempty"`
	TaskMetrics   *metrics `json:"task_metrics,omitempty"`
}

type choice struct {
	FinishReason string `json:"finish_reason"`
	Message      any    `json:"message"`
}

type message struct {
	Role    string    `json:"role"`
	Content []content `json:"content"`
}

type syncMessage struct {
	Content []content `json:"content"`
	Role    string    `json:"role"`
}

type content struct {
	Image string `json:"image"`
	Type  string `json:"type"`
}

type result struct {
	OrigPrompt   string `json:"orig_prompt,omitempty"`
	ActualPrompt string `json:"actual_prompt,omitempty"`
	URL          string `json:"url,omitempty"`
	Code         string `json:"code,omitempty"`
	Message      string `json:"message,omitempty"`
}

type metrics struct {
	Total     int `json:"TOTAL"`
	Succeeded int `json:"SUCCEEDED"`
	Failed    int `json:"FAILED"`
}

type usage struct {
	Size         string `json:"size,omitempty"`
	TotalTokens  *int   `json:"total_tokens,omitempty"`
	ImageCount   int    `json:"image_count"`
	OutputTokens *int   `json:"output_tokens,omitempty"`
	InputTokens  *int   `json:"input_tokens,omitempty"`
}

type syncAnswer struct {
	Output struct {
		Choices  []choice `json:"choices"`
		Finished bool     `json:"finished"`
	} `json:"output"`
	Usage struct {
		ImageCount   int    `json:"image_count"`
		InputTokens  int    `json:"input_tokens"`
		OutputTokens int    `json:"output_tokens"`
		Size         string `json:"size"`
		TotalTokens  int    `json:"total_tokens"`
	} `json:"usage"`
	RequestID string `json:"request_id"`
}

func (t *task) createdAnswer() created {
	return created{taskID{pending, t.ID}, t.RequestID}
}

// answer is what a query says of the task in a state. links has one link per
// picture, "" for one that failed.
func (t *task) answer(state, requestID string, links []string) queried {
	out := output{TaskID: t.ID, TaskStatus: state}
	a := queried{RequestID: requestID}
	switch state {
	case running:
		out.TaskMetrics = &metrics{Total: t.N}
		if !t.Messages {
			out.SubmitTime, out.ScheduledTime = china(t.Created), china(t.Scheduled)
		}
	case failed:
		out.Code, out.Message = t.Code, fail(t.Code, "").message
		out.TaskMetrics = &metrics{Total: t.N, Failed: t.N}
		if t.Code == "DataInspectionFailed" { // as Qwen Cloud's page has it
			out.TaskMetrics, a.RequestID = nil, ""
		}
	case succeeded:
		t.succeed(&out, links)
		a.Usage = t.usage()
	}
	a.Output = out
	return a
}

func (t *task) succeed(out *output, links []string) {
	partial := t.made() < t.N
	counts := &metrics{Total: t.N, Succeeded: t.made(), Failed: t.N - t.made()}
	if t.Messages {
		out.SubmitTime, out.ScheduledTime, out.EndTime = china(t.Created), china(t.Scheduled), china(t.End)
		out.Finished = true
		out.Choices = t.choices(links, false)
		if partial {
			out.TaskMetrics = counts
		}
		return
	}
	if !partial { // the reference's example of a partial failure has no times
		out.SubmitTime, out.ScheduledTime, out.EndTime = china(t.Created), china(t.Scheduled), china(t.End)
	}
	out.Results, out.TaskMetrics = t.results(links), counts
}

// choices is one choice per picture that was made, or one for all of them:
// the service's pages show both.
func (t *task) choices(links []string, sync bool) []choice {
	var groups [][]content
	for i, link := range links {
		if t.fails(i) {
			continue
		}
		picture := content{link, "image"}
		if len(groups) > 0 && t.has("one-choice") {
			groups[0] = append(groups[0], picture)
			continue
		}
		groups = append(groups, []content{picture})
	}
	var out []choice
	for _, g := range groups {
		if sync {
			out = append(out, choice{"stop", syncMessage{g, "assistant"}})
		} else {
			out = append(out, choice{"stop", message{"assistant", g}})
		}
	}
	return out
}

func (t *task) results(links []string) []result {
	var out []result
	for i, link := range links {
		if t.fails(i) {
			const code = "InternalError.Timeout"
			out = append(out, result{Code: code, Message: fail(code, "").message})
			continue
		}
		r := result{OrigPrompt: t.Prompt, URL: link}
		if t.Extend {
			r.ActualPrompt = rewrite(plain(t.Prompt))
		}
		out = append(out, r)
	}
	return out
}

func (t *task) usage() usage {
	u := usage{ImageCount: t.made()}
	if t.Messages {
		u.Size, u.TotalTokens, u.OutputTokens, u.InputTokens = t.size(), new(int), new(int), new(int)
	}
	return u
}

func (t *task) syncAnswer(links []string) syncAnswer {
	var a syncAnswer
	a.Output.Choices, a.Output.Finished = t.choices(links, true), true
	a.Usage.ImageCount, a.Usage.Size = t.made(), t.size()
	a.RequestID = t.RequestID
	return a
}

func (t *task) size() string { return strconv.Itoa(t.Width) + "*" + strconv.Itoa(t.Height) }

// rewrite does to a prompt what prompt_extend does: it says more than it was
// told, in the same language.
func rewrite(prompt string) string {
	style := []string{
		", in soft morning light, finely detailed, shallow depth of field, a calm and warm mood.",
		", under a clear evening sky, rich natural colours, medium shot, photographed in high definition.",
		", seen up close, delicate textures, gentle backlight, balanced composition.",
	}
	if strings.IndexFunc(prompt, func(r rune) bool { return unicode.Is(unicode.Han, r) }) >= 0 {
		style = []string{"，柔和的晨光，细节精致，浅景深，宁静温暖的氛围。", "，晴朗的傍晚天空下，色彩自然丰富，中景构图，高清写实摄影。", "，近景特写，质感细腻，柔和逆光，构图均衡。"}
	}
	return strings.TrimRight(prompt, " .。") + style[hash(prompt)%uint64(len(style))]
}

// china is the service's way to write a time: no zone, and it means UTC+8.
func china(t time.Time) string {
	return t.In(zone).Format("2006-01-02 15:04:05.000")
}

var zone = time.FixedZone("CST", 8*60*60)
