package dashscope_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"wan-image-mcp/dashscope"
)

// liveBudget is what the live probe may spend.
const liveBudget dashscope.CNY = 2_000_000

// TestLive asks the real service for one picture of each model that the region
// has, then for two of wan2.6-t2i and for one below the stated smallest size, and
// prints which assumptions of this package held. It needs DASHSCOPE_API_KEY, takes
// WAN_IMAGE_MCP_REGION, WAN_IMAGE_MCP_WORKSPACE and DASHSCOPE_HTTP_BASE_URL, and
// keeps no picture.
//
//	WAN_IMAGE_MCP_LIVE=1 go test ./dashscope -run Live -v -timeout 60m
func TestLive(t *testing.T) {
	if os.Getenv("WAN_IMAGE_MCP_LIVE") != "1" {
		t.Skip("spends money: set WAN_IMAGE_MCP_LIVE=1 and DASHSCOPE_API_KEY to run it")
	}
	region, err := dashscope.ParseRegion(os.Getenv("WAN_IMAGE_MCP_REGION"))
	if err != nil {
		t.Fatal(err)
	}
	spy := &spy{next: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}}
	p := &probe{T: t, region: region, spy: spy, client: &dashscope.Client{
		APIKey: dashscope.Secret(os.Getenv("DASHSCOPE_API_KEY")), Region: region,
		Workspace: os.Getenv("WAN_IMAGE_MCP_WORKSPACE"), BaseURL: os.Getenv("DASHSCOPE_HTTP_BASE_URL"), Transport: spy,
	}}
	if _, err := p.client.Tasks(t.Context(), dashscope.TaskFilter{}); err != nil {
		t.Fatal(err) // before anything is bought
	}
	for _, m := range dashscope.Models() {
		if p.pay(m, 1) {
			p.one(m)
		}
	}
	newest, _ := dashscope.LookupModel(dashscope.DefaultModel)
	if p.pay(newest, 2) {
		p.two(newest)
	}
	if spy.create != nil && p.pay(newest, 1) {
		p.floor(newest)
	}
	t.Logf("spent at most %s CNY", p.spent)
}

// probe spends the budget and prints what it learns.
type probe struct {
	*testing.T
	client *dashscope.Client
	spy    *spy
	region dashscope.Region
	spent  dashscope.CNY
}

// spy keeps the last create request and the last answer, for what a Result does
// not show. Neither is printed: answers hold signed links.
type spy struct {
	next   http.RoundTripper
	create *http.Request
	answer []byte
}

func (s *spy) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Header.Get("X-DashScope-Async") != "" {
		s.create = r
	}
	res, err := s.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	s.answer, err = io.ReadAll(res.Body)
	_ = res.Body.Close()
	res.Body = io.NopCloser(bytes.NewReader(s.answer))
	return res, err
}

// pay reports whether the region has the model and the budget room for n pictures
// of it, and takes them from the budget.
func (p *probe) pay(m dashscope.Model, n int) bool {
	offer, ok := m.Offers[p.region]
	cost := offer.Price * dashscope.CNY(n)
	if !ok || p.spent+cost > liveBudget {
		p.Logf("%s times %d: left out (not in this region, or over the budget)", m.ID, n)
		return false
	}
	p.spent += cost
	return true
}

// assume prints whether an assumption held.
func (p *probe) assume(held bool, format string, args ...any) {
	p.Helper()
	verdict := "held: "
	if !held {
		verdict = "DID NOT HOLD: "
	}
	p.Logf(verdict+format, args...)
}

// one makes one picture: with as many four-byte characters as the limit allows if
// the model tells its prompt, in a recommended size below the floor if it has one.
func (p *probe) one(m dashscope.Model) {
	request := dashscope.ImageRequest{Model: m.ID, Prompt: "A flower shop 🌷", N: 1, PromptExtend: new(false), Seed: new(int64(1))}
	if m.Form == dashscope.FormPrompt {
		request.Prompt += strings.Repeat("🌷", m.PromptMax-utf8.RuneCountInString(request.Prompt))
	}
	if len(m.Sizes.Also) > 0 {
		request.Size = m.Sizes.Also[0].String()
	}
	start := time.Now()
	task, err := p.client.Create(p.Context(), request)
	p.assume(!errors.Is(err, dashscope.ErrModelNotFound), "%s is known as %s", m.ID, m.Offers[p.region].Spelling)
	if errors.Is(err, dashscope.ErrOtherSpelling) {
		task, err = p.client.Create(p.Context(), request)
	}
	if err != nil {
		p.Errorf("%s: %v", m.ID, err)
		return
	}
	p.lag(m, task.TaskID, start)
	result := p.finish(m.ID, task.TaskID, start)
	for _, image := range result.Images {
		if m.Form == dashscope.FormPrompt {
			p.assume(image.OrigPrompt == request.Prompt, "%s counts code points: %d sent, %d came back", m.ID,
				utf8.RuneCountInString(request.Prompt), utf8.RuneCountInString(image.OrigPrompt))
		}
	}
	if request.Size != "" {
		p.assume(result.Status == dashscope.StatusSucceeded, "%s takes %s, asked for and got %q", m.ID, request.Size, result.Size)
	}
}

// lag measures how far the task list is behind a create.
func (p *probe) lag(m dashscope.Model, id string, created time.Time) {
	for range 30 {
		page, err := p.client.Tasks(p.Context(), dashscope.TaskFilter{Model: m.ID, PageSize: 50})
		if err != nil {
			p.Logf("%s: list: %v", m.ID, err)
			return
		}
		for _, row := range page.Tasks {
			if row.TaskID == id {
				p.assume(true, "%s is in the task list, seen after %v, its clock %v from ours", m.ID,
					time.Since(created).Round(time.Millisecond), row.Created.Sub(created).Round(time.Millisecond))
				return
			}
		}
		p.pause(time.Second)
	}
	p.assume(false, "%s is in the task list within 30 s", m.ID)
}

func (p *probe) pause(d time.Duration) {
	select {
	case <-time.After(d):
	case <-p.Context().Done():
		p.Fatal(p.Context().Err())
	}
}

// finish waits for a task, at most ten minutes, and prints what it was like.
func (p *probe) finish(name, id string, start time.Time) *dashscope.Result {
	result := &dashscope.Result{TaskID: id}
	for range 200 {
		got, err := p.client.Task(p.Context(), id)
		if err != nil {
			p.Logf("%s: %v", name, err)
		} else if result = got; result.Status.Terminal() {
			break
		}
		p.pause(3 * time.Second)
	}
	p.Logf("%s: %s after %v, by the service's clock %v; %d pictures, %d billed, size %q, error %v", name, result.Status,
		time.Since(start).Round(time.Second), result.EndTime.Sub(result.SubmitTime), len(result.Images), result.ImageCount, result.Size, result.Err())
	return result
}

// two prints the shape of an answer with two pictures, which no page shows.
func (p *probe) two(m dashscope.Model) {
	start := time.Now()
	task, err := p.client.Create(p.Context(), dashscope.ImageRequest{Model: m.ID, Prompt: "A flower shop", N: 2, PromptExtend: new(false)})
	if err != nil {
		p.Errorf("n = 2: %v", err)
		return
	}
	result := p.finish("n = 2", task.TaskID, start)
	p.assume(len(result.Images) == 2, "two pictures were found in the answer")
	var answer struct {
		Output struct {
			Choices []struct {
				Message struct {
					Content []json.RawMessage `json:"content"`
				} `json:"message"`
			} `json:"choices"`
		} `json:"output"`
	}
	if err := json.Unmarshal(p.spy.answer, &answer); err != nil {
		p.Errorf("n = 2: %v", err)
	}
	for i, choice := range answer.Output.Choices {
		p.Logf("n = 2: choice %d has %d contents", i+1, len(choice.Message.Content))
	}
}

// floor sends the last create again with a size below the stated floor, past the
// client, which would refuse it.
func (p *probe) floor(m dashscope.Model) {
	body := `{"model":"` + m.ID + `","input":{"messages":[{"role":"user","content":[{"text":"A flower shop"}]}]},` +
		`"parameters":{"prompt_extend":false,"watermark":false,"n":1,"negative_prompt":"","size":"1024*1024"}}`
	request := p.spy.create.Clone(p.Context())
	request.Body, request.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	res, err := p.spy.RoundTrip(request)
	if err != nil {
		p.Errorf("below the floor: %s", dashscope.Clean(err.Error()))
		return
	}
	defer func() { _ = res.Body.Close() }()
	p.assume(res.StatusCode == http.StatusBadRequest, "1024*1024 is refused: HTTP %d %s", res.StatusCode, dashscope.Clean(string(p.spy.answer)))
}
