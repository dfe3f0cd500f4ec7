package dashscope

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"regexp"
	"time"
)

// The service writes and reads times as China time, without saying so.
var chinaTime = time.FixedZone("UTC+8", 8*60*60)

// messagesBody is a create request of the messages form.
type messagesBody struct {
	Model string `json:"model"`
	Input struct {
		Messages []message `json:"messages"`
	} `json:"input"`
	Parameters struct {
		PromptExtend   bool   `json:"prompt_extend"`
		Watermark      bool   `json:"watermark"`
		N              int    `json:"n"`
		NegativePrompt string `json:"negative_prompt"`
		Size           string `json:"size"`
		Seed           *int64 `json:"seed,omitempty"`
	} `json:"parameters"`
}

type message struct {
	Role    string        `json:"role"`
	Content []messageText `json:"content"`
}

type messageText struct {
	Text string `json:"text"`
}

// promptBody is a create request of the prompt form.
type promptBody struct {
	Model string `json:"model"`
	Input struct {
		Prompt         string `json:"prompt"`
		NegativePrompt string `json:"negative_prompt"`
	} `json:"input"`
	Parameters struct {
		Size         string `json:"size"`
		N            int    `json:"n"`
		PromptExtend bool   `json:"prompt_extend"`
		Watermark    bool   `json:"watermark"`
		Seed         *int64 `json:"seed,omitempty"`
	} `json:"parameters"`
}

// encodeCreate writes a resolved request in its model's form. Every parameter is
// sent, n above all: the service's defaults are not what was asked for.
func encodeCreate(r ImageRequest, form Form, spelling string) ([]byte, error) {
	if form == FormMessages {
		var b messagesBody
		b.Model = spelling
		b.Input.Messages = []message{{Role: "user", Content: []messageText{{Text: r.Prompt}}}}
		b.Parameters.PromptExtend = *r.PromptExtend
		b.Parameters.Watermark = r.Watermark
		b.Parameters.N = r.N
		b.Parameters.NegativePrompt = r.NegativePrompt
		b.Parameters.Size = r.Size
		b.Parameters.Seed = r.Seed
		return encode(b)
	}
	var b promptBody
	b.Model = spelling
	b.Input.Prompt, b.Input.NegativePrompt = r.Prompt, r.NegativePrompt
	b.Parameters.Size = r.Size
	b.Parameters.N = r.N
	b.Parameters.PromptExtend = *r.PromptExtend
	b.Parameters.Watermark = r.Watermark
	b.Parameters.Seed = r.Seed
	return encode(b)
}

// encode writes JSON without the escapes that are for HTML only.
func encode(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// A task id becomes part of a path, so nothing that could lead elsewhere may be
// in it; the service's are UUIDs.
var taskID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$`)

// decodeCreate reads the answer to an asynchronous create.
func decodeCreate(o object) (*Result, error) {
	r := decodeResult(o)
	if r.TaskID == "" {
		return nil, errors.New("the answer has no task_id")
	}
	if r.Status == "" {
		r.Status = StatusPending
	}
	return r, nil
}

// decodeSync reads the answer to a synchronous create, which has pictures at once
// and neither a task id nor a status.
func decodeSync(o object) (*Result, error) {
	r := decodeResult(o)
	if len(r.Images) == 0 {
		return nil, errors.New("the answer has no pictures")
	}
	r.Status = StatusSucceeded
	return r, nil
}

// decodeTask reads the answer to a query for one task.
func decodeTask(o object, id string) (*Result, error) {
	r := decodeResult(o)
	switch {
	case r.Status == "":
		return nil, errors.New("the answer has no task_status")
	case r.TaskID != "" && r.TaskID != id:
		return nil, errors.New("the answer is about another task")
	}
	r.TaskID = id
	return r, nil
}

// decodeResult reads what any answer says about a task and its pictures.
func decodeResult(o object) *Result {
	out, usage := o.object("output"), o.object("usage")
	r := &Result{
		TaskID:        out.taskID(),
		RequestID:     o.requestID(),
		Status:        out.status("task_status"),
		Code:          out.code(),
		Message:       out.message(),
		SubmitTime:    out.time("submit_time"),
		ScheduledTime: out.time("scheduled_time"),
		EndTime:       out.time("end_time"),
		Size:          Clip(usage.text("size"), quoteMax),
		Total:         out.object("task_metrics").count("TOTAL"),
		ImageCount:    -1,
	}
	if r.Status == StatusFailed && r.Code == "" {
		r.Code, r.Message = o.code(), o.message()
	}
	if count, ok := usage.int("image_count"); ok && count >= 0 && count <= math.MaxInt32 {
		r.ImageCount = int(count)
	}
	for _, item := range out.list("results") {
		r.Images = append(r.Images, decodeImage(item))
	}
	for _, choice := range out.list("choices") {
		r.Images = append(r.Images, decodeChoice(choice)...)
	}
	return r
}

// decodeImage reads one item of the prompt form's results.
func decodeImage(o object) Image {
	img := Image{
		URL:          Secret(o.text("url")),
		OrigPrompt:   o.text("orig_prompt"),
		ActualPrompt: o.text("actual_prompt"),
		Code:         o.code(),
		Message:      o.message(),
	}
	if img.URL == "" && img.Code == "" && img.Message == "" {
		img.Message = "the service gave neither a link nor a reason"
	}
	return img
}

// decodeChoice reads one choice of the messages form: the service puts one
// picture in each choice or all of them in one, beside items that are none.
func decodeChoice(choice object) []Image {
	var images []Image
	for _, item := range choice.object("message").list("content") {
		if link := item.text("image"); link != "" {
			images = append(images, Image{URL: Secret(link)})
		} else if item.code() != "" {
			images = append(images, Image{Code: item.code(), Message: item.message()})
		}
	}
	if len(images) == 0 && choice.code() != "" {
		images = append(images, Image{Code: choice.code(), Message: choice.message()})
	}
	return images
}
