package tools_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/tasks"
)

func TestGenerateImage(t *testing.T) {
	inWorld(t, func(w *world) {
		c := w.connect("test", "")
		res := c.call(w.T, "generate_image", `{"prompt": "A flower shop", "seed": 7}`)
		if res.IsError {
			w.Fatal(text(res))
		}
		a := structured[tasks.Answer](w.T, res)
		if a.Status != tasks.Succeeded || a.Model != "wan2.6-t2i" || a.Size != "1280*1280" || a.N != 1 || *a.Seed != 7 || len(a.Images) != 1 {
			w.Fatalf("got %+v, want one picture of the default model", a)
		}
		p := a.Images[0]
		wantAll(w.T, text(res), "SUCCEEDED: 1 picture.", "task_id: "+a.TaskID, "model: wan2.6-t2i, size: 1280*1280, n: 1, seed: 7",
			"picture 1: "+p.Path+" (1280*1280, image/png, ", "resource: wan://images/"+a.TaskID+"/1", "link: "+p.URL+" (until "+p.ExpiresAt+")",
			"price: CNY 0.20 for 1 picture (list price)", "today: 1 picture, CNY 0.20, of at most 200 pictures; counts again from ",
			"upstream_task_id: "+a.UpstreamTaskID, "upstream_request_id: "+a.UpstreamRequestID)
		if a.Budget == nil || a.Budget.ImagesToday != 1 || a.PriceCNY != 0.2 || a.Next != "" {
			w.Errorf("got budget %+v, price %v, next %q", a.Budget, a.PriceCNY, a.Next)
		}
		if got := kinds(res); got != "text image/jpeg resource_link" {
			w.Errorf("got content %s", got)
		}
		link := res.Content[2].(mcp.ResourceLink)
		if link.URI != p.ResourceURI || link.MIMEType != "image/png" || link.Size == nil || *link.Size != p.Bytes ||
			link.Annotations == nil || len(link.Annotations.Audience) != 1 || link.Annotations.Audience[0] != mcp.RoleUser ||
			link.Title != "Picture 1 of 1, 1280*1280" || !strings.HasSuffix(p.Path, "/"+link.Name) || link.Description != "A flower shop" {
			w.Errorf("got link %+v of picture %+v", link, p)
		}
		w.mustHaveBought(1)
	})
}

// small makes a picture that is quickly drawn.
const small = `"model": "wan2.2-t2i-flash", "size": "512*512", `

// kinds lists a result's content in short.
func kinds(res *mcp.CallToolResult) string {
	var all []string
	for _, c := range res.Content {
		switch c := c.(type) {
		case mcp.TextContent:
			all = append(all, "text")
		case mcp.ImageContent:
			all = append(all, c.MIMEType)
		case mcp.ResourceLink:
			all = append(all, "resource_link")
		default:
			all = append(all, fmt.Sprintf("%T", c))
		}
	}
	return strings.Join(all, " ")
}

// TestUnderstood: what models send for what they mean.
func TestUnderstood(t *testing.T) {
	inWorld(t, func(w *world) {
		c := w.connect("test", "")
		for i, tt := range []struct{ args, want string }{
			{`"n": null, "model": null, "size": null, "seed": 1, "negative_prompt": null, "prompt_extend": null`, "wan2.6-t2i 1280*1280 n=1 seed=1"},
			{`"n": 1.0, "seed": 2`, "wan2.6-t2i 1280*1280 n=1 seed=2"},
			{`"n": "2", "seed": "3"`, "wan2.6-t2i 1280*1280 n=2 seed=3"},
			{`"n": "2.0", "seed": 3e0`, "wan2.6-t2i 1280*1280 n=2 seed=3"},
			{`"watermark": "True", "prompt_extend": " false ", "seed": 4`, "wan2.6-t2i 1280*1280 n=1 seed=4"},
			{`"model": "wanx2.1-t2i-turbo", "seed": 2147483647`, "wan2.1-t2i-turbo 1024*1024 n=1 seed=2147483647"},
			{`"model": "", "size": "", "aspect_ratio": "", "idempotency_key": "", "seed": 0`, "wan2.6-t2i 1280*1280 n=1 seed=0"},
			{`"size": "1280x1280", "seed": 5`, "wan2.6-t2i 1280*1280 n=1 seed=5"},
			{`"size": "1280×1280", "seed": 6`, "wan2.6-t2i 1280*1280 n=1 seed=6"},
			{`"size": " 960 * 1696 ", "seed": 7`, "wan2.6-t2i 960*1696 n=1 seed=7"},
			{`"size": "768*2700", "seed": 8`, "wan2.6-t2i 768*2700 n=1 seed=8"},
			{`"aspect_ratio": "16:9", "seed": 9`, "wan2.6-t2i 1696*960 n=1 seed=9"},
			{`"aspect_ratio": "9:16", "model": "wan2.2-t2i-flash", "seed": "10"`, "wan2.2-t2i-flash 810*1440 n=1 seed=10"},
		} {
			res := c.call(w.T, "generate_image", fmt.Sprintf(`{"prompt": "A fox 狐狸 🦊, try %d", "wait_seconds": 0, %s}`, i, tt.args))
			if res.IsError {
				w.Errorf("%s: %s", tt.args, text(res))
				continue
			}
			a := structured[tasks.Answer](w.T, res)
			if got := fmt.Sprintf("%s %s n=%d seed=%d", a.Model, a.Size, a.N, *a.Seed); got != tt.want {
				w.Errorf("%s: got %s, want %s", tt.args, got, tt.want)
			}
		}
	})
}

// TestRefused: bad input gets a sentence with field, value, limit and what would
// be legal, and spends nothing.
func TestRefused(t *testing.T) {
	inWorld(t, func(w *world) {
		c := w.connect("test", "")
		for args, want := range map[string][]string{
			`{}`:                                {"prompt is empty", "1 to 2100 characters"},
			`null`:                              {"prompt is empty"},
			`[]`:                                {"the arguments must be a JSON object", "not []"},
			`"a red fox"`:                       {"the arguments must be a JSON object"},
			`{"prompt": " \n"}`:                 {"prompt is empty"},
			`{"prompt": "a\u0000b"}`:            {"prompt has the control character U+0000"},
			`{"prompt": 3}`:                     {"prompt must be text in quotes, not 3"},
			`{"prompt": ["a"]}`:                 {"prompt must be text in quotes, not a list"},
			`{"prompt": "x", "prompt": "y"}`:    {"prompt is given twice"},
			`{"promt": "x"}`:                    {`unknown argument "promt" (did you mean prompt?); valid arguments: prompt, model, size, aspect_ratio`},
			`{"prompt": "x", "aspectRatio": 1}`: {`unknown argument "aspectRatio" (did you mean aspect_ratio?)`},
			`{"prompt": "x", "style": "oil"}`:   {`unknown argument "style"; valid arguments: prompt,`},
			`{"Prompt": "x"}`:                   {`unknown argument "Prompt" (did you mean prompt?)`},
			ask("n", `0`):                       {"n is 0", "1 to 4"},
			ask("n", `5`):                       {"n is 5", "1 to 4"},
			ask("n", `-1`):                      {"n is -1", "1 to 4"},
			ask("n", `1e9`):                     {"n is 1000000000", "1 to 4"},
			ask("n", `1e300`):                   {"n must be a whole number from 1 to 4, not 1e300"},
			ask("n", `2.5`):                     {"n must be a whole number from 1 to 4, not 2.5"},
			ask("n", `"four"`):                  {`n must be a whole number from 1 to 4, not "four"`},
			ask("n", `true`):                    {"n must be a whole number from 1 to 4, not true"},
			ask("n", `{}`):                      {"n must be a whole number from 1 to 4, not an object"},
			ask("seed", `-1`):                   {"seed is -1", "0 to 2147483647"},
			ask("seed", `2147483648`):           {"seed is 2147483648", "0 to 2147483647"},
			ask("seed", `"0x10"`):               {"seed must be a whole number from 0 to 2147483647"},
			ask("watermark", `"maybe"`):         {`watermark must be true or false, not "maybe"`},
			ask("prompt_extend", `1`):           {"prompt_extend must be true or false, not 1"},
			ask("size", `"0*0"`):                {"0*0"},
			ask("size", `"1280*"`):              {"1280*", "width*height"},
			ask("size", `"1280*1280*3"`):        {"1280*1280*3", "width*height"},
			ask("size", `"9999*9999"`):          {"9999*9999", "2073600"},
			ask("size", `"1024*1024"`):          {"1024*1024 has 1048576 pixels", "1638400", "1280*1280"},
			ask("size", `1280`):                 {"size must be text in quotes, not 1280"},
			ask("aspect_ratio", `"2:1"`):        {`aspect_ratio "2:1"`, "16:9"},
			ask("model", `"dall-e-3"`):          {"dall-e-3", "wan2.6-t2i"},
			ask("wait_seconds", `601`):          {"wait_seconds 601", "0 to 600"},
			ask("wait_seconds", `-1`):           {"wait_seconds -1", "0 to 600"},
			`{"prompt": "x", "model": "wan2.2-t2i-plus", "size": "512*1441"}`:      {"512*1441", "512 to 1440"},
			`{"prompt": "x", "size": "1280*1280", "aspect_ratio": "1:1"}`:          {"only one of them"},
			`{"prompt": "` + strings.Repeat("字", 2101) + `"}`:                      {"prompt has 2101 characters", "at most 2100"},
			ask("negative_prompt", `"`+strings.Repeat("n", 501)+`"`):               {"negative_prompt has 501 characters", "at most 500"},
			ask("idempotency_key", `"`+strings.Repeat("k", 65)+`"`):                {"idempotency_key has 65 characters", "at most 64"},
			`{"promt": "x", "n": "four", "size": "9*9", "seed": -1, "style": "a"}`: {"promt", `"four"`, "9*9", "seed is -1", `"style"`},
		} {
			res := c.call(w.T, "generate_image", args)
			if !res.IsError {
				w.Errorf("%.80s: is not an error", args)
			}
			wantAll(w.T, text(res), append(want, "Nothing was ordered and nothing was spent.")...)
		}
		w.mustHaveBought(0)
	})
}

// ask is a call with one more argument.
func ask(name, value string) string { return fmt.Sprintf(`{"prompt": "x", %q: %s}`, name, value) }

func TestRefusedSaysOnceWhatIsWrong(t *testing.T) {
	inWorld(t, func(w *world) {
		got := text(w.connect("test", "").call(w.T, "generate_image", `{"promt": "x", "n": "four"}`))
		if strings.Contains(got, "prompt is empty") || strings.Count(got, "\n") != 2 {
			w.Errorf("got %q, want one line for each mistake and one for the cost", got)
		}
	})
}

// TestDefaultModel: the operator's, not the catalogue's.
func TestDefaultModel(t *testing.T) {
	inWorld(t, func(w *world) {
		w.deps.DefaultModel = "wanx2.1-t2i-turbo"
		res := w.connect("test", "").call(w.T, "generate_image", `{"prompt": "A fox", "model": " ", "wait_seconds": 0}`)
		if a := structured[tasks.Answer](w.T, res); a.Model != "wan2.1-t2i-turbo" || a.Size != "1024*1024" {
			w.Errorf("got %s %s, want wan2.1-t2i-turbo 1024*1024", a.Model, a.Size)
		}
	})
}

func TestModelOffOrElsewhere(t *testing.T) {
	two := []dashscope.Model{model(t, "wan2.2-t2i-plus"), model(t, "wan2.2-t2i-flash")}
	inWorld(t, func(w *world) {
		w.deps.Models = two
		got := text(w.connect("test", "").call(w.T, "generate_image", ask("model", `"wan2.6-t2i"`)))
		wantAll(w.T, got, "model wan2.6-t2i is not enabled on this server: use wan2.2-t2i-plus or wan2.2-t2i-flash")
		w.deps.Models, w.deps.Region = nil, dashscope.Singapore
		got = text(w.connect("test", "").call(w.T, "generate_image", ask("model", `"wanx2.0-t2i-turbo"`)))
		wantAll(w.T, got, "model wanx2.0-t2i-turbo is not served in region singapore, only in beijing")
		if strings.Contains(got, "not enabled") {
			w.Errorf("got %q, want one reason", got)
		}
		w.mustHaveBought(0)
	})
}

func TestTooManyForTheOperator(t *testing.T) {
	inWorld(t, func(w *world) {
		res := w.connect("test", "").call(w.T, "generate_image", ask("n", "3"))
		wantAll(w.T, text(res), "n is 3", "at most 2", "Nothing was ordered")
		w.mustHaveBought(0)
	}, func(c *tasks.Config) { c.MaxImagesPerCall = 2 })
}

func TestNoKey(t *testing.T) {
	inWorld(t, func(w *world) {
		w.deps.NoKey = fmt.Errorf("no API key: put DASHSCOPE_API_KEY into the env block of your client, or start with --simulate")
		c := w.connect("test", "")
		res := c.call(w.T, "generate_image", `{"prompt": "A fox"}`)
		if !res.IsError {
			w.Error("is not an error")
		}
		wantAll(w.T, text(res), "DASHSCOPE_API_KEY", "--simulate", "Nothing was ordered")
		if res := c.call(w.T, "list_models", `{}`); res.IsError {
			w.Errorf("list_models must work without a key: %s", text(res))
		}
	})
}

// TestStillRunning: a call ends in time, names the next one, and the picture
// comes with it.
func TestStillRunning(t *testing.T) {
	inWorld(t, func(w *world) {
		c := w.connect("test", "")
		for _, tt := range []struct {
			wait string
			took time.Duration
		}{{"0", 0}, {"5", 5 * time.Second}} {
			start := time.Now()
			res := c.call(w.T, "generate_image", fmt.Sprintf(`{`+small+`"prompt": "A fox, %s", "wait_seconds": %s}`, tt.wait, tt.wait))
			if got := time.Since(start); got != tt.took {
				w.Errorf("wait_seconds %s took %v, want %v", tt.wait, got, tt.took)
			}
			a := structured[tasks.Answer](w.T, res)
			next := fmt.Sprintf("do not call generate_image again; call get_task with task_id %q", a.TaskID)
			if res.IsError || a.Status.Terminal() || !strings.Contains(a.Next, next) || len(a.Images) != 0 {
				w.Errorf("got %+v, want a running task and what to do next", a)
			}
			wantAll(w.T, text(res), string(a.Status)+": ", next, "task_id: "+a.TaskID, "price: CNY 0.14 if all succeed")
			if got := kinds(res); got != "text" {
				w.Errorf("got content %s, want text", got)
			}
			again := structured[tasks.Answer](w.T, c.call(w.T, "get_task", fmt.Sprintf(`{"task_id": %q}`, a.TaskID)))
			if again.Status != tasks.Succeeded || again.TaskID != a.TaskID || len(again.Images) != 1 {
				w.Errorf("get_task: got %+v, want the picture", again)
			}
		}
		w.mustHaveBought(2)
	})
}

func TestDefaultWait(t *testing.T) {
	inWorld(t, func(w *world) {
		c := w.connect("test", "")
		start := time.Now()
		res := c.call(w.T, "generate_image", `{"prompt": "A fox [sim:stuck]"}`)
		if got := time.Since(start); got != 40*time.Second || res.IsError {
			w.Errorf("took %v (error: %v), want 40 s and no error", got, res.IsError)
		}
	})
}

func TestSeedIsChosenAndTold(t *testing.T) {
	inWorld(t, func(w *world) {
		res := w.connect("test", "").call(w.T, "generate_image", `{`+small+`"prompt": "A fox"}`)
		a := structured[tasks.Answer](w.T, res)
		if a.Seed == nil {
			w.Fatal("no seed was told")
		}
		wantAll(w.T, text(res), fmt.Sprintf("seed: %d (chosen by this server)", *a.Seed))
	})
}

func TestRepeatedCall(t *testing.T) {
	inWorld(t, func(w *world) {
		c := w.connect("test", "")
		first := structured[tasks.Answer](w.T, c.call(w.T, "generate_image", `{`+small+`"prompt": "A fox", "idempotency_key": "fox-1"}`))
		res := c.call(w.T, "generate_image", `{`+small+`"prompt": "A fox", "idempotency_key": "fox-1"}`)
		again := structured[tasks.Answer](w.T, res)
		if again.TaskID != first.TaskID || !again.Deduplicated || first.Deduplicated {
			w.Errorf("got %s (deduplicated %v), want the first task %s", again.TaskID, again.Deduplicated, first.TaskID)
		}
		wantAll(w.T, text(res), "nothing new was bought", "new idempotency_key")
		res = c.call(w.T, "generate_image", `{`+small+`"prompt": "A dog", "idempotency_key": "fox-1"}`)
		if !res.IsError {
			w.Error("the key with other arguments is not an error")
		}
		wantAll(w.T, text(res), "idempotency_key", "Nothing was ordered")
		w.mustHaveBought(1)
	})
}

// TestDelivered: only an answer that the client got counts; without it the same
// call finds the pictures that were paid for.
func TestDelivered(t *testing.T) {
	inWorld(t, func(w *world) {
		written := false
		w.deps.AfterWrite = func(_ context.Context, done func(bool)) { done(written) }
		c := w.connect("test", "")
		first := structured[tasks.Answer](w.T, c.call(w.T, "generate_image", `{`+small+`"prompt": "A fox"}`))
		written = true
		second := structured[tasks.Answer](w.T, c.call(w.T, "generate_image", `{`+small+`"prompt": "A fox"}`))
		third := structured[tasks.Answer](w.T, c.call(w.T, "generate_image", `{`+small+`"prompt": "A fox"}`))
		if second.TaskID != first.TaskID || !second.Deduplicated {
			w.Errorf("after a lost answer: got %s, want %s again", second.TaskID, first.TaskID)
		}
		if third.TaskID == first.TaskID {
			w.Error("after a delivered answer: got the first task again, want a new one")
		}
		w.mustHaveBought(2)
	})
}

func TestFailed(t *testing.T) {
	inWorld(t, func(w *world) {
		c := w.connect("test", "")
		for prompt, want := range map[string][]string{
			"[sim:fail]":                      {"FAILED", "InternalError.Algo", "call generate_image again", "upstream_task_id: "},
			"[sim:fail=DataInspectionFailed]": {"FAILED", "DataInspectionFailed", "change the prompt", "prompt_extend false", "upstream_task_id: "},
			"[sim:refuse]":                    {"FAILED", "DataInspectionFailed", "change the prompt", "upstream_request_id: "},
			"[sim:refuse=InvalidApiKey]":      {"FAILED", "InvalidApiKey", "region beijing", "check the key"},
			"[sim:refuse=Arrearage]":          {"FAILED", "Arrearage", "pay"},
			"[sim:hang-before]":               {"NOT_SUBMITTED", "Nothing was bought", "call generate_image again"},
		} {
			res := c.call(w.T, "generate_image", fmt.Sprintf(`{"prompt": "A fox %s", "wait_seconds": 300}`, prompt))
			if !res.IsError {
				w.Errorf("%s: is not an error", prompt)
			}
			wantAll(w.T, text(res), append(want, "task_id: ")...)
			id := after(text(res), "\ntask_id: ")
			again := c.call(w.T, "get_task", fmt.Sprintf(`{"task_id": %q}`, id))
			if !again.IsError {
				w.Errorf("%s: get_task: is not an error", prompt)
			}
			wantAll(w.T, text(again), append(want, "task_id: "+id)...)
		}
	})
}

// after is the rest of the line after a mark.
func after(s, mark string) string {
	_, rest, _ := strings.Cut(s, mark)
	line, _, _ := strings.Cut(rest, "\n")
	return line
}

func TestPartialSuccess(t *testing.T) {
	inWorld(t, func(w *world) {
		res := w.connect("test", "").call(w.T, "generate_image", `{`+small+`"prompt": "A fox [sim:partial]", "n": 3}`)
		a := structured[tasks.Answer](w.T, res)
		if res.IsError || a.Status != tasks.Succeeded || len(a.Images) != 3 || a.Images[2].Error == "" || a.Images[2].ResourceURI != "" {
			w.Fatalf("got %+v (error %v), want two pictures of three", a, res.IsError)
		}
		wantAll(w.T, text(res), "SUCCEEDED in part: 2 of 3 pictures", "picture 3: missing: ", a.Images[2].Error, "price: CNY 0.28 for 2 pictures")
		if got := kinds(res); got != "text image/jpeg image/jpeg resource_link resource_link" {
			w.Errorf("got content %s", got)
		}
	})
}

// TestUnknown: an answer of the service that was lost is not an error, and is not
// to be asked for again.
func TestUnknown(t *testing.T) {
	inWorld(t, func(w *world) {
		res := w.connect("test", "").call(w.T, "generate_image", `{"prompt": "A fox [sim:cut-after]", "wait_seconds": 3}`)
		a := structured[tasks.Answer](w.T, res)
		if res.IsError || a.Status != tasks.Unknown {
			w.Fatalf("got %s (error %v), want UNKNOWN and no error: %s", a.Status, res.IsError, text(res))
		}
		wantAll(w.T, text(res), "UNKNOWN: ", "Do not call generate_image again", "call get_task", "task_id: "+a.TaskID)
	})
}

func TestSimulatedSaysSo(t *testing.T) {
	inWorld(t, func(w *world) {
		res := w.connect("test", "").call(w.T, "generate_image", `{`+small+`"prompt": "A fox"}`)
		if !structured[tasks.Answer](w.T, res).Simulated {
			w.Error("structuredContent does not say that it is simulated")
		}
		wantAll(w.T, text(res), "SIMULATED: ")
		if strings.Contains(text(res), "price:") {
			w.Errorf("a simulated picture has no price: %s", text(res))
		}
	}, func(c *tasks.Config) { c.Simulated = true })
}
