package simulator_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wan-image-mcp/dashscope/simulator"
)

// TestAnswers holds every kind of answer against testdata, byte for byte:
// key order and missing fields are those of the service.
func TestAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, simulator.Options{})
		const one, four = `{"n":1,"size":"1280*1280","seed":7,"prompt_extend":false}`, `{"n":4,"seed":7}`

		created := l.create("wan2.6-t2i", "A flower shop", one)
		l.golden("create_messages", created)
		id := created.text("output", "task_id")
		l.golden("task_pending", l.task(id))
		time.Sleep(time.Second)
		l.golden("task_running_messages", l.task(id))
		l.golden("task_succeeded_messages", l.finish(id))
		l.golden("task_succeeded_four_choices", l.finish(l.mustCreate("wan2.6-t2i", "Four", four)))
		l.golden("task_succeeded_one_choice", l.finish(l.mustCreate("wan2.6-t2i", "Four [sim:one-choice]", four)))
		l.golden("task_partial_messages", l.finish(l.mustCreate("wan2.6-t2i", "Four [sim:partial]", four)))

		created = l.create("wan2.5-t2i-preview", "一间花店", `{"n":1}`)
		l.golden("create_prompt", created)
		time.Sleep(time.Second)
		l.golden("task_running_prompt", l.task(created.text("output", "task_id")))
		l.golden("task_succeeded_prompt", l.finish(created.text("output", "task_id")))
		l.golden("task_succeeded_no_extend", l.finish(l.mustCreate("wan2.2-t2i-flash", "A shop", `{"n":2,"prompt_extend":false}`)))
		l.golden("task_partial_prompt", l.finish(l.mustCreate("wanx2.1-t2i-turbo", "[sim:partial] A shop", `{"n":2}`)))
		l.golden("task_failed", l.finish(l.mustCreate("wanx2.1-t2i-plus", "[sim:fail]", `{"n":4}`)))
		l.golden("task_failed_inspection", l.finish(l.mustCreate("wanx2.0-t2i-turbo", "[sim:fail=DataInspectionFailed]", `{"n":1}`)))
		l.golden("task_unknown", l.task("502a00b1-19d9-4839-a82f-000000000000"))

		l.golden("sync", l.do("POST", syncPath, body("wan2.6-t2i", "A flower shop", one)))
		l.golden("sync_failed", l.do("POST", syncPath, body("wan2.6-t2i", "[sim:fail=DataInspectionFailed]", one)))

		waiting := l.mustCreate("wan2.2-t2i-plus", "[sim:queue=60s]", `{"n":1}`)
		l.golden("list", l.do("GET", "/api/v1/tasks/?page_size=20", ""))
		l.golden("cancel", l.do("POST", "/api/v1/tasks/"+waiting+"/cancel", ""))
		l.golden("task_canceled", l.task(waiting))
		l.golden("cancel_refused", l.do("POST", "/api/v1/tasks/"+waiting+"/cancel", ""))
		l.golden("list_canceled", l.do("GET", "/api/v1/tasks?status=CANCELED", ""))
		l.golden("models", l.do("GET", "/api/v1/models?model=wan2.6-t2i", ""))
		l.golden("about", l.do("GET", "/", ""))
	})
}

// TestRefusals has every way to be refused at the door, before any limit.
func TestRefusals(t *testing.T) {
	const fine = `{"model":"wan2.6-t2i","input":{"messages":[{"role":"user","content":[{"text":"x"}]}]},"parameters":{"n":1}}`
	const legacy = `{"model":"wan2.5-t2i-preview","input":{"prompt":"x"},"parameters":{"n":1}}`
	with := func(from, to string) string { return strings.Replace(fine, from, to, 1) }
	async := []string{"X-DashScope-Async", "enable"}
	tests := []struct {
		name, path, body string
		headers          []string
		status           int
		code, message    string
	}{
		{"no key", messagesPath, fine, []string{"Authorization", ""}, 401, "InvalidApiKey", "No API-key provided."},
		{"empty key", messagesPath, fine, []string{"Authorization", "Bearer "}, 401, "InvalidApiKey", "No API-key provided."},
		{"wrong key", messagesPath, fine, []string{"Authorization", "Bearer sk-invalid-1"}, 401, "InvalidApiKey", "Invalid API-key provided."},
		{"coding plan key", messagesPath, fine, []string{"Authorization", "Bearer sk-sp-1"}, 401, "InvalidApiKey", "Invalid API-key provided."},
		{"not json", messagesPath, `{`, async, 400, "InvalidParameter", "Required body invalid, please check the request body format."},
		{"no model", messagesPath, `{"input":{},"parameters":{}}`, async, 400, "BadRequest.EmptyModel", `Required parameter "model" missing from request.`},
		{"no input", messagesPath, `{"model":"wan2.6-t2i","parameters":{}}`, async, 400, "BadRequest.EmptyInput", "Required input parameter missing from request."},
		{"input is text", messagesPath, `{"model":"wan2.6-t2i","input":"x","parameters":{}}`, async, 400, "BadRequest.IllegalInput", "The input parameter requires json format."},
		{"no parameters", messagesPath, with(`,"parameters":{"n":1}`, ""), async, 400, "BadRequest.EmptyParameters", `Required parameter "parameters" missing from request.`},
		{"unknown model", messagesPath, with("wan2.6-t2i", "wan9"), async, 404, "ModelNotFound", "The model wan9 does not exist or you do not have access to it."},
		{"other region's spelling", promptPath, strings.Replace(legacy, "wan2.5-t2i-preview", "wan2.1-t2i-plus", 1), async, 400, "InvalidParameter", "Model not exist."},
		{"messages model on prompt path", promptPath, fine, async, 400, "InvalidParameter", "url error, please check url！"},
		{"prompt model on messages path", messagesPath, legacy, async, 400, "InvalidParameter", "url error, please check url！"},
		{"prompt model on sync path", syncPath, legacy, nil, 400, "InvalidParameter", "url error, please check url！"},
		{"async header missing", messagesPath, fine, nil, 403, "AccessDenied", "current user api does not support synchronous calls."},
		{"async header on sync path", syncPath, fine, async, 403, "AccessDenied", "current user api does not support asynchronous calls"},
		{"two messages", messagesPath, with(`[{"role"`, `[{"role":"user","content":[{"text":"y"}]},{"role"`), async, 400, "InvalidParameter", "Required body invalid, please check the request body format."},
		{"two texts", messagesPath, with(`{"text":"x"}`, `{"text":"x"},{"text":"y"}`), async, 400, "InvalidParameter", "Required body invalid, please check the request body format."},
		{"no text", messagesPath, with(`{"text":"x"}`, ``), async, 400, "InvalidParameter", "Required body invalid, please check the request body format."},
		{"blank prompt", messagesPath, with(`"x"`, `" "`), async, 400, "InvalidParameter", "The prompt should not be empty"},
		{"n 0", messagesPath, with(`"n":1`, `"n":0`), async, 400, "InvalidParameter", "Range of n should be [1, 4]"},
		{"n 5", messagesPath, with(`"n":1`, `"n":5`), async, 400, "InvalidParameter", "Range of n should be [1, 4]"},
		{"n 2.5", messagesPath, with(`"n":1`, `"n":2.5`), async, 400, "InvalidParameter", "Required body invalid, please check the request body format."},
		{"n as text", messagesPath, with(`"n":1`, `"n":"four"`), async, 400, "InvalidParameter", "Required body invalid, please check the request body format."},
		{"seed -1", messagesPath, with(`"n":1`, `"n":1,"seed":-1`), async, 400, "InvalidParameter", "Range of seed should be [0, 2147483647]"},
		{"seed too large", messagesPath, with(`"n":1`, `"n":1,"seed":2147483648`), async, 400, "InvalidParameter", "Range of seed should be [0, 2147483647]"},
		{"area too small", messagesPath, with(`"n":1`, `"n":1,"size":"1024*1024"`), async, 400, "InvalidParameter", "The size should be in W*H format, its pixels in [1638400, 2073600] and its aspect ratio in [1:4, 4:1]"},
		{"letter x", messagesPath, with(`"n":1`, `"n":1,"size":"1280x1280"`), async, 400, "InvalidParameter", "The size should be in W*H format, its pixels in [1638400, 2073600] and its aspect ratio in [1:4, 4:1]"},
		{"side too long", promptPath, `{"model":"wan2.2-t2i-plus","input":{"prompt":"x"},"parameters":{"n":1,"size":"512*1441"}}`, async, 400, "InvalidParameter", "The size should be in W*H format, each side in [512, 1440]"},
		{"refused prompt", messagesPath, with(`"x"`, `"x [sim:refuse]"`), async, 400, "DataInspectionFailed", "Input or output data may contain inappropriate content."},
		{"arrears", messagesPath, with(`"x"`, `"x [sim:refuse=Arrearage]"`), async, 400, "Arrearage", "Access denied, please make sure your account is in good standing."},
		{"unknown marker", messagesPath, with(`"x"`, `"x [sim:fial]"`), async, 400, "InvalidParameter", "simulator: marker [sim:fial] is not known or has no such value; see the package's list of markers"},
		{"unknown path", "/api/v1/services/aigc/image2image/image-synthesis", fine, async, 404, "NotFound", "Not found!"},
	}
	l := newLab(t, simulator.Options{})
	for _, test := range tests {
		a := l.do("POST", test.path, test.body, test.headers...)
		if a.status != test.status || a.text("code") != test.code || a.text("message") != test.message || a.text("request_id") == "" {
			t.Errorf("%s: got %d %s, want %d %s %q", test.name, a.status, a.body, test.status, test.code, test.message)
		}
	}
	if a := l.do("GET", messagesPath, ""); a.status != 405 {
		t.Errorf("GET on a create path: got %d, want 405", a.status)
	}
	if a := l.do("POST", messagesPath, strings.Repeat(" ", 1<<20+1)+fine, async...); a.status != 413 {
		t.Errorf("body of more than 1 MiB: got %d, want 413", a.status)
	}
	if got := l.sim.Stats(); got.Accepted != 0 || got.Refused == 0 {
		t.Errorf("stats: got %+v, want none accepted", got)
	}
	l.golden("error_400", l.do("POST", messagesPath, with(`"n":1`, `"n":9`), async...))
	l.golden("error_401", l.do("POST", messagesPath, fine, "Authorization", ""))
	l.golden("error_403", l.do("POST", messagesPath, fine))
}

func TestRegions(t *testing.T) {
	tests := []struct {
		region, model string
		path          string
		status        int
	}{
		{"", "wanx2.1-t2i-turbo", promptPath, 200},
		{"singapore", "wan2.1-t2i-turbo", promptPath, 200},
		{"singapore", "wanx2.1-t2i-turbo", promptPath, 400},
		{"singapore", "wanx2.0-t2i-turbo", promptPath, 400},
		{"virginia", "wan2.6-t2i", messagesPath, 200},
		{"virginia", "wan2.2-t2i-plus", promptPath, 400},
		{"frankfurt", "wan2.6-t2i", messagesPath, 200},
		{"frankfurt", "wan2.6-t2i", syncPath, 400},
	}
	for _, test := range tests {
		l := newLab(t, simulator.Options{Region: test.region})
		var headers []string
		if test.path != syncPath {
			headers = []string{"X-DashScope-Async", "enable"}
		}
		if a := l.do("POST", test.path, body(test.model, "x", `{"n":1}`), headers...); a.status != test.status {
			t.Errorf("%s %s: got %d %s, want %d", test.region, test.model, a.status, a.body, test.status)
		}
	}
	if _, err := simulator.New(simulator.Options{Region: "mars"}); err == nil {
		t.Error("region mars: got no error")
	}
	if _, err := simulator.New(simulator.Options{Speed: -1}); err == nil {
		t.Error("speed -1: got no error")
	}
}

// TestQuirks has what the official SDKs send beyond the reference.
func TestQuirks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, simulator.Options{})
		id := l.mustCreate("wan2.6-t2i", "x", `{"n":1,"is_async":true}`)
		if a := l.do("GET", "/api/v1/tasks/"+id+"/?size=1280*1280&n=1", ""); a.text("output", "task_id") != id {
			t.Errorf("trailing slash and query: got %s", a.body)
		}
		a := l.do("POST", promptPath+"/", body("wan2.5-t2i-preview", "x", `{}`), "X-DashScope-Async", "enable",
			"X-DashScope-WorkSpace", "ws", "X-DashScope-DataInspection", "enable")
		if a.status != 200 {
			t.Fatalf("empty parameters: got %d %s", a.status, a.body)
		}
		if n := len(l.links(l.finish(a.text("output", "task_id")))); n != 4 {
			t.Errorf("no n: got %d pictures, want the service's 4", n)
		}
		long := strings.Repeat("长", 2101)
		a = l.finish(l.mustCreate("wan2.5-t2i-preview", long, `{"n":1,"prompt_extend":false}`))
		if got := len([]rune(a.text("output", "results", 0, "orig_prompt"))); got != 2000 {
			t.Errorf("prompt over the limit: got %d characters, want it cut to 2000", got)
		}
	})
}

func TestStrict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, simulator.Options{Strict: true, APIKeys: []string{"sk-right"}})
		key := []string{"Authorization", "Bearer sk-right", "X-DashScope-Async", "enable"}
		if a := l.do("POST", messagesPath, body("wan2.6-t2i", "x", `{}`), key...); a.status != 400 || !strings.Contains(a.body, "n is missing") {
			t.Errorf("no n: got %d %s, want 400", a.status, a.body)
		}
		if a := l.do("POST", messagesPath, body("wan2.6-t2i", "x", `{"n":1}`)); a.status != 401 {
			t.Errorf("a key that is not in APIKeys: got %d, want 401", a.status)
		}
		id := l.do("POST", messagesPath, body("wan2.6-t2i", "x", `{"n":1}`), key...).text("output", "task_id")
		if a := l.do("GET", "/api/v1/tasks/"+id, "", key...); a.status != 403 {
			t.Errorf("async header on a query: got %d, want 403", a.status)
		}
		time.Sleep(time.Minute)
		link := l.links(l.do("GET", "/api/v1/tasks/"+id, "", key[:2]...))[0]
		if a := l.do("GET", link, "", key[:2]...); a.status != 400 {
			t.Errorf("key sent to the image host: got %d, want 400", a.status)
		}
		if a := l.do("GET", link, ""); a.status != 200 {
			t.Errorf("picture: got %d %s", a.status, a.body)
		}
		if got := l.sim.Stats().Violations; got != 3 {
			t.Errorf("violations: got %d, want 3", got)
		}
	})
}
