package tasks

import (
	"fmt"
	"strconv"
	"time"
)

// Answer is a Task as every reader gets it: structuredContent, wan://tasks/{id}
// and the command line's --json. Times are RFC 3339; what is not known is left out.
type Answer struct {
	TaskID            string        `json:"task_id" jsonschema_description:"Id of the task: pass it to get_task."`
	UpstreamTaskID    string        `json:"upstream_task_id,omitempty" jsonschema_description:"The service's own task_id, for support."`
	UpstreamRequestID string        `json:"upstream_request_id,omitempty" jsonschema_description:"The service's own request_id, for support."`
	Status            State         `json:"status" jsonschema_description:"QUEUED SUBMITTING PENDING RUNNING SUCCEEDED FAILED CANCELED UNKNOWN NOT_SUBMITTED or EXPIRED."`
	Code              string        `json:"code,omitempty" jsonschema_description:"The service's error code when it failed."`
	Reason            string        `json:"reason,omitempty" jsonschema_description:"Why it failed or what is not known."`
	Model             string        `json:"model,omitempty" jsonschema_description:"The model."`
	Size              string        `json:"size,omitempty" jsonschema_description:"width*height in pixels."`
	N                 int           `json:"n,omitempty" jsonschema_description:"How many images were asked for."`
	Seed              *int64        `json:"seed,omitempty" jsonschema_description:"The seed: same seed, similar picture."`
	PriceCNY          float64       `json:"price_cny,omitempty" jsonschema_description:"List price in CNY of what was billed, or will be if all succeed."`
	Deduplicated      bool          `json:"deduplicated,omitempty" jsonschema_description:"True when an earlier task was found instead of buying another."`
	Simulated         bool          `json:"simulated,omitempty" jsonschema_description:"True when the embedded simulator drew it: no real picture, no cost."`
	Place             int           `json:"place,omitempty" jsonschema_description:"Place in line while QUEUED."`
	CreatedAt         string        `json:"created_at,omitempty" jsonschema_description:"When it was asked for."`
	Next              string        `json:"next,omitempty" jsonschema_description:"The exact next call, when there is one to make."`
	Images            []ImageAnswer `json:"images,omitempty" jsonschema_description:"The pictures."`
	Budget            *Budget       `json:"budget,omitempty" jsonschema_description:"What was spent today."`
}

// ImageAnswer is one picture of an Answer.
type ImageAnswer struct {
	N            int    `json:"n" jsonschema_description:"Number of the picture, from 1."`
	ResourceURI  string `json:"resource_uri,omitempty" jsonschema_description:"MCP resource with the picture's bytes."`
	URL          string `json:"url,omitempty" jsonschema_description:"The service's own signed link; whoever has it can fetch the picture."`
	ExpiresAt    string `json:"expires_at,omitempty" jsonschema_description:"When url stops working. resource_uri and path go on."`
	Path         string `json:"path,omitempty" jsonschema_description:"The file on this computer."`
	MIMEType     string `json:"mime_type,omitempty"`
	Bytes        int64  `json:"bytes,omitempty"`
	Width        int    `json:"width,omitempty"`
	Height       int    `json:"height,omitempty"`
	ActualPrompt string `json:"actual_prompt,omitempty" jsonschema_description:"The prompt as the service rewrote it."`
	Error        string `json:"error,omitempty" jsonschema_description:"Why this picture is missing or could not be kept."`
}

// Budget is what was spent today and what may still be.
type Budget struct {
	ImagesToday int     `json:"images_today" jsonschema_description:"Images bought or reserved since local midnight."`
	PriceToday  float64 `json:"price_today_cny" jsonschema_description:"Their list price in CNY."`
	Limit       int     `json:"limit,omitempty" jsonschema_description:"Images a day that are allowed; left out when there is no limit."`
	ResetsAt    string  `json:"resets_at,omitempty" jsonschema_description:"When the count starts again."`
}

// TaskURI is the resource that tells where a task stands.
func TaskURI(id string) string { return "wan://tasks/" + id }

// PictureURI is the resource with the bytes of a task's n-th picture, n from 1.
func PictureURI(id string, n int) string { return "wan://images/" + id + "/" + strconv.Itoa(n) }

// ModelURI is the resource with a model's limits.
func ModelURI(model string) string { return "wan://models/" + model }

// BudgetURI is the resource that tells what was spent today.
const BudgetURI = "wan://budget"

// Answer tells the task to its reader. It carries the signed links: it goes to
// the task's owner and nowhere else.
func (t Task) Answer() Answer {
	a := Answer{
		TaskID: t.ID, UpstreamTaskID: t.UpstreamTaskID, UpstreamRequestID: t.UpstreamRequestID,
		Status: t.State, Code: t.Code, Reason: t.Reason,
		Model: t.Request.Model, Size: t.Request.Size, N: t.Request.N, Seed: t.Request.Seed,
		PriceCNY: t.Price.Float64(), Deduplicated: t.Deduplicated, Simulated: t.Simulated,
		Place: t.Place, CreatedAt: stamp(t.Created), Next: t.next(),
	}
	for _, p := range t.Pictures {
		a.Images = append(a.Images, p.answer(t.ID))
	}
	return a
}

func (p Picture) answer(id string) ImageAnswer {
	a := ImageAnswer{
		N: p.N, URL: p.Link.Reveal(), ExpiresAt: stamp(p.LinkExpires), Path: p.Path,
		ActualPrompt: p.ActualPrompt, Error: p.Reason,
	}
	if p.IsKept() {
		a.ResourceURI = PictureURI(id, p.N)
		a.MIMEType, a.Bytes, a.Width, a.Height = p.Kept.MIME, p.Kept.Bytes, p.Kept.Width, p.Kept.Height
	}
	return a
}

// next is the call that a model should make now, or "" when there is none.
func (t Task) next() string {
	again := fmt.Sprintf("call get_task with task_id %q", t.ID)
	switch {
	case t.State == Unknown:
		return "The outcome of the submission is not known yet. Do not call generate_image again; " + again + "."
	case !t.State.Terminal():
		return "Already ordered: do not call generate_image again; " + again + "."
	case !t.Settled():
		return "Already paid: the pictures are still being fetched; " + again + "."
	}
	return ""
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
