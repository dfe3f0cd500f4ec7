package cli_test

import (
	"context"
	"encoding/json"
	"errors"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"wan-image-mcp/dashscope/simulator"
	"wan-image-mcp/tasks"
)

var simulatorOptions = simulator.Options{Seed: 1}

// sizeOf reads the size of a PNG, all of it, so that a cut one fails.
func sizeOf(t *testing.T, path string) (width, height int) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	picture, err := png.Decode(f)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return picture.Bounds().Dx(), picture.Bounds().Dy()
}

func decodeAnswer(t *testing.T, text string) tasks.Answer {
	t.Helper()
	var a tasks.Answer
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return a
}

// generateJSON runs generate and returns its answer.
func (u *user) generateJSON(t *testing.T, args ...string) tasks.Answer {
	t.Helper()
	return decodeAnswer(t, u.mustRun(t, append([]string{"generate", "--json", "--quiet"}, args...)...).stdout)
}

// TestGenerate is what a newcomer does first.
func TestGenerate(t *testing.T) {
	u := newUser(t)
	u.env = map[string]string{} // nothing at all
	t.Chdir(u.home)
	got := u.mustRun(t, "generate", "--simulate", "--simulate-speed", "1000", "A flower shop with exquisite windows")
	pictures, err := filepath.Glob("*.png")
	if err != nil || len(pictures) != 1 {
		t.Fatalf("it made %v, want one PNG", pictures)
	}
	if w, h := sizeOf(t, pictures[0]); w != 1280 || h != 1280 {
		t.Errorf("the picture is %d by %d", w, h)
	}
	if !strings.Contains(pictures[0], time.Now().Format(time.DateOnly)+"-") || !strings.Contains(pictures[0], "flower-shop") {
		t.Errorf("the file is called %s", pictures[0])
	}
	for _, want := range []string{pictures[0] + "  1280*1280  seed ", "1 image by wan2.6-t2i", "simulated: no cost", "0.20 CNY", "task "} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("stdout does not say %q: %s", want, got.stdout)
		}
	}
	if !regexp.MustCompile(`(?m)^ +\d+\.\d s  \w+`).MatchString(got.stderr) {
		t.Errorf("stderr shows no progress: %s", got.stderr)
	}
	if strings.ContainsAny(got.stderr, "\r\x1b") {
		t.Errorf("stderr is no terminal, and has control characters: %q", got.stderr)
	}
	if _, err := os.Stat(filepath.Join(u.home, ".local", "state", "wan-image-mcp", "simulated", "journal.db")); err != nil && runtime.GOOS == "linux" {
		t.Errorf("the journal is not where the manual says: %v", err)
	}
}

// TestGenerateArguments: every argument reaches the service as it was meant.
func TestGenerateArguments(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	up := newUpstream(t, u, simulatorOptions)
	a := u.generateJSON(t, "--model", "wan2.2-t2i-flash", "--size", "1024x768", "-n", "2", "--negative-prompt", "people",
		"--seed", "77", "--prompt-extend=false", "--watermark", "--out", filepath.Join(u.home, "pictures"), "a lighthouse")
	if a.Model != "wan2.2-t2i-flash" || a.Size != "1024*768" || a.N != 2 || *a.Seed != 77 || a.PriceCNY != 0.28 || a.Simulated {
		t.Errorf("the answer is %+v", a)
	}
	if len(a.Images) != 2 {
		t.Fatalf("there are %d images, want 2", len(a.Images))
	}
	for _, image := range a.Images {
		if filepath.Dir(image.Path) != filepath.Join(u.home, "pictures") {
			t.Errorf("the picture went to %s", image.Path)
		}
		if w, h := sizeOf(t, image.Path); w != 1024 || h != 768 {
			t.Errorf("%s is %d by %d", image.Path, w, h)
		}
	}
	asked := up.asked()
	if len(asked) != 1 {
		t.Fatalf("the service saw %d orders, want 1", len(asked))
	}
	c := asked[0]
	if c.Input.Prompt != "a lighthouse" || c.Input.NegativePrompt != "people" || c.Parameters.Size != "1024*768" || c.Parameters.N != 2 ||
		*c.Parameters.Seed != 77 || *c.Parameters.PromptExtend || !*c.Parameters.Watermark {
		t.Errorf("the service was asked for %+v", c)
	}
	u.env["WAN_IMAGE_MCP_SIZE"] = ""
	if a := u.generateJSON(t, "--aspect-ratio", "9:16", "another"); a.Size != "810*1440" {
		t.Errorf("9:16 became %s", a.Size)
	}
}

// TestGenerateRefused: the tool's own sentence in the words of the command line,
// nothing ordered; the exit code is 2 where the command line is wrong.
func TestGenerateRefused(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	up := newUpstream(t, u, simulatorOptions)
	for _, test := range []struct {
		args []string
		want string
		code int
	}{
		{[]string{"--model", "wan2.6-t2i", "--size", "1024*1024", "x"}, "1280*1280", 2},
		{[]string{"--size", "1024*1024", "--aspect-ratio", "1:1", "x"}, "--aspect-ratio", 2},
		{[]string{"--negative-prompt", strings.Repeat("x", 501), "x"}, "--negative-prompt has 501", 2},
		{[]string{"--n", "5", "x"}, "4", 2},
		{[]string{"--n", "four", "x"}, "n", 2},
		{[]string{"--n", "2", "--max-images-per-call", "1", "x"}, "n is 2; this server makes at most 1 a call", 2},
		{[]string{"--seed", "-1", "x"}, "seed", 2},
		{[]string{"--model", "wan2.2-t2i-plus", "--models", "wan2.6-t2i", "x"}, "wan2.6-t2i", 2},
		{[]string{"--model", "dall-e", "x"}, "wan2.6-t2i", 2},
		{[]string{"   "}, "prompt", 2},
		{[]string{"x\xff"}, "UTF-8", 2},
		{[]string{"--negative-prompt", "x\xff", "x"}, "UTF-8", 2},
		{[]string{"--max-store-bytes", "1000", "x"}, "--max-store-bytes", 1},
	} {
		got := u.run(t, append([]string{"generate"}, test.args...)...)
		if got.code != test.code || !strings.Contains(got.stderr, test.want) || got.stdout != "" {
			t.Errorf("%q ended with %d and says %s%s, want %d and %q", test.args, got.code, got.stdout, got.stderr, test.code, test.want)
		}
	}
	if asked := up.asked(); len(asked) != 0 {
		t.Errorf("the service saw %d orders", len(asked))
	}
}

// TestBudget: the day's limit holds over several runs.
func TestBudget(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	up := newUpstream(t, u, simulatorOptions)
	u.mustRun(t, "generate", "--budget-images-per-day", "1", "--quiet", "first")
	got := u.run(t, "generate", "--budget-images-per-day", "1", "second")
	if got.code != 1 || !strings.Contains(got.stderr, "budget") {
		t.Errorf("over the budget it ended with %d: %s", got.code, got.stderr)
	}
	if n := len(up.asked()); n != 1 {
		t.Errorf("the service saw %d orders, want 1", n)
	}
	if got := u.mustRun(t, "task", "--budget-images-per-day", "1"); !strings.Contains(got.stdout, "today: 1 image, list price 0.14 CNY; 0 of 1 left") {
		t.Errorf("task says %s", got.stdout)
	}
	u.mustRun(t, "generate", "--budget-images-per-day", "0", "--quiet", "third")
}

// TestDefaultModelAndSync: both are seen at the service.
func TestDefaultModelAndSync(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	up := newUpstream(t, u, simulatorOptions)
	u.env["WAN_IMAGE_MCP_MODEL"], u.env["WAN_IMAGE_MCP_SIZE"] = "", ""
	if a := u.generateJSON(t, "--default-model", "wan2.1-t2i-turbo", "x"); a.Model != "wan2.1-t2i-turbo" {
		t.Errorf("the default model is %s", a.Model)
	}
	u.generateJSON(t, "--sync", "y")
	u.generateJSON(t, "z")
	asked := up.asked()
	if len(asked) != 3 || !strings.HasSuffix(asked[1].Path, "/multimodal-generation/generation") || !strings.HasSuffix(asked[2].Path, "/image-generation/generation") {
		t.Errorf("the service was asked at %+v", asked)
	}
}

// TestRegion: the region decides the price and how a model is spelled.
func TestRegion(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	up := newUpstream(t, u, simulator.Options{Seed: 1, Region: "singapore"})
	if a := u.generateJSON(t, "--region", "singapore", "--model", "wan2.1-t2i-plus", "x"); a.PriceCNY != 0.366962 {
		t.Errorf("the price is %v", a.PriceCNY)
	}
	if asked := up.asked(); len(asked) != 1 || asked[0].Model != "wan2.1-t2i-plus" {
		t.Errorf("the service was asked for %+v", asked)
	}
}

// TestWorkspace: without a key nothing is sent, and the log tells where it would go.
func TestWorkspace(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.env["WAN_IMAGE_MCP_MODEL"], u.env["WAN_IMAGE_MCP_SIZE"] = "", ""
	if got := u.run(t, "serve", "--workspace", "ws-1", "--region", "frankfurt"); !strings.Contains(got.stderr, "https://ws-1.eu-central-1.maas.aliyuncs.com/api/v1") {
		t.Errorf("the server does not name the address of the workspace: %s", got.stderr)
	}
	got := u.run(t, "generate", "--workspace", "ws-1", "--region", "frankfurt", "x")
	if got.code != 1 || strings.Contains(got.stderr, "WRN") {
		t.Errorf("it ended with %d, or says twice what is missing: %s", got.code, got.stderr)
	}
	for _, want := range []string{"DASHSCOPE_API_KEY", "env block", "--simulate"} {
		if !strings.Contains(got.stderr, want) {
			t.Errorf("without a key it does not say %q: %s", want, got.stderr)
		}
	}
}

// TestAllowImageHost: pictures come from no host that was not named.
func TestAllowImageHost(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	up := newUpstream(t, u, simulatorOptions)
	u.env["WAN_IMAGE_MCP_ALLOW_IMAGE_HOST"] = ""
	got := u.run(t, "generate", "--json", "--quiet", "x")
	if a := decodeAnswer(t, got.stdout); got.code != 1 || len(a.Images) != 1 || a.Images[0].Error == "" || a.Images[0].Path != "" {
		t.Errorf("a picture from %s was taken: %+v", up.host(), a)
	}
	id := decodeAnswer(t, got.stdout).TaskID
	if got := u.run(t, "task", "--quiet", id); got.code != 1 || !strings.Contains(got.stderr, "with --allow-image-host HOST:PORT, then: wan-image-mcp task "+id) {
		t.Errorf("task ended with %d and does not tell the way out: %s", got.code, got.stderr)
	}
	u.generateJSON(t, "--allow-image-host", "example.com:443", "--allow-image-host", up.host(), "y")
}

// TestIdempotencyKey: the same word finds the same order.
func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	up := newUpstream(t, u, simulatorOptions)
	first := u.generateJSON(t, "--idempotency-key", "cover", "x")
	second := u.generateJSON(t, "--idempotency-key", "cover", "x")
	if first.TaskID != second.TaskID || !second.Deduplicated || len(up.asked()) != 1 {
		t.Errorf("the same word made tasks %s and %s, %d orders", first.TaskID, second.TaskID, len(up.asked()))
	}
	if first.Images[0].Path != second.Images[0].Path {
		t.Errorf("the same picture was saved twice: %s and %s", first.Images[0].Path, second.Images[0].Path)
	}
	if got := u.run(t, "generate", "--idempotency-key", "cover", "another"); got.code != 1 || !strings.Contains(got.stderr, "--idempotency-key") {
		t.Errorf("the same word for another prompt ended with %d: %s", got.code, got.stderr)
	}
}

// TestUnknownGrace: an order whose answer was lost and which the service does not
// have is given up after the grace, and never sent again.
func TestUnknownGrace(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	up := newUpstream(t, u, simulatorOptions)
	started := time.Now()
	got := u.run(t, "generate", "--unknown-grace", "1s", "--quiet", "x [sim:html]")
	if got.code != 1 || !strings.Contains(got.stderr, "NOT_SUBMITTED") && !strings.Contains(got.stderr, "not submitted") && !strings.Contains(got.stderr, "nothing") {
		t.Errorf("it ended with %d: %s", got.code, got.stderr)
	}
	if took := time.Since(started); took > 50*time.Second {
		t.Errorf("with a grace of 1 s it took %s", took)
	}
	if n := len(up.asked()); n != 1 {
		t.Errorf("the service saw %d orders, want 1", n)
	}
}

// TestInterrupt: an order goes on without its command, and task brings the pictures.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	up := newUpstream(t, u, simulatorOptions)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for len(up.asked()) == 0 && ctx.Err() == nil {
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(300 * time.Millisecond)
		cancel()
	}()
	got := u.runIn(ctx, strings.NewReader(""), "generate", "--out", "none", "x [sim:slow=3s]")
	if got.code != 1 || !strings.Contains(got.stderr, "paid") || !strings.Contains(got.stderr, "wan-image-mcp task ") {
		t.Fatalf("interrupted, it ended with %d: %s", got.code, got.stderr)
	}
	fields := strings.Fields(got.stderr[strings.Index(got.stderr, "wan-image-mcp task "):])
	id := fields[len(fields)-1]
	a := decodeAnswer(t, u.mustRun(t, "task", "--json", "--quiet", id).stdout)
	if a.TaskID != id || a.Status != tasks.Succeeded || len(a.Images) != 1 {
		t.Fatalf("task brings %+v", a)
	}
	sizeOf(t, a.Images[0].Path)
	if n := len(up.asked()); n != 1 {
		t.Errorf("the service saw %d orders, want 1", n)
	}
	if got, want := u.newest(t), []listed{{id, tasks.Succeeded, "x [sim:slow=3s]"}}; !slices.Equal(got, want) {
		t.Errorf("task --json lists %+v, want %+v", got, want)
	}
	if list := u.mustRun(t, "task").stdout; !strings.Contains(list, id) || !strings.Contains(list, "SUCCEEDED") {
		t.Errorf("task lists:\n%s", list)
	}
	if got := u.run(t, "task", "cancel", id); got.code != 1 {
		t.Errorf("a task that has ended was cancelled: %s", got.stdout)
	}
	if got := u.run(t, "task", "aaaaaaaaaaaaaaaaaaaaaaaaaa"); got.code != 1 || !strings.Contains(got.stderr, "no such task") || !strings.Contains(got.stderr, "wan-image-mcp task lists") {
		t.Errorf("a strange task ended with %d: %s", got.code, got.stderr)
	}
}

// TestCommandsAtOnce: four commands at once with one prompt are four pictures.
func TestCommandsAtOnce(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	up := newUpstream(t, u, simulatorOptions)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { u.run(t, "generate", "--out", "none", "--quiet", "a boat [sim:slow=2s]") })
	}
	wg.Wait()
	if n := len(up.asked()); n != 4 {
		t.Errorf("the service saw %d orders, want 4", n)
	}
}

// TestNotDeliveredIsNotBoughtAgain: pictures that could not be saved are there for the
// same command.
func TestNotDeliveredIsNotBoughtAgain(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	up := newUpstream(t, u, simulatorOptions)
	out := filepath.Join(u.home, "out")
	generate := []string{"generate", "--quiet", "--out", out, "a boat [sim:slow=2s]"}
	ended := make(chan outcome, 1)
	go func() { ended <- u.runIn(t.Context(), strings.NewReader(""), generate...) }()
	for start := time.Now(); len(up.asked()) == 0 && time.Since(start) < patience; time.Sleep(10 * time.Millisecond) {
	}
	if err := errors.Join(os.RemoveAll(out), os.WriteFile(out, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if got := <-ended; got.code != 1 || !strings.Contains(got.stderr, "the pictures are kept") {
		t.Fatalf("without a folder it ended with %d: %s", got.code, got.stderr)
	}
	if err := os.Remove(out); err != nil {
		t.Fatal(err)
	}
	for i := range 2 { // what was saved once is another wish the next time
		u.mustRun(t, generate...)
		if n := len(up.asked()); n != i+1 {
			t.Errorf("the service saw %d orders, want %d", n, i+1)
		}
	}
}

// TestInterruptInLine: who orders takes back what was not sent, unless somebody else
// waits for it; who only waits takes nothing back.
func TestInterruptInLine(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		waits, interrupted string // commands
		want               tasks.State
	}{
		"alone":               {interrupted: "generate", want: tasks.Canceled},
		"somebody else waits": {waits: "task", interrupted: "generate", want: tasks.Queued},
		"who only waits":      {waits: "task", interrupted: "task", want: tasks.Queued},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := newUser(t)
			newUpstream(t, u, simulatorOptions)
			start := func(args ...string) (interrupt func() outcome) {
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan outcome, 1)
				go func() { ended <- u.runIn(ctx, strings.NewReader(""), append(args, "--out", "none")...) }()
				return sync.OnceValue(func() outcome { cancel(); return <-ended })
			}
			defer start("generate", "first [sim:delay=60s]")() // the others wait for its answer
			u.until(t, "first [sim:delay=60s]", tasks.Submitting)
			running := map[string]func() outcome{"generate": start("generate", "last")}
			id := u.until(t, "last", tasks.Queued)
			if c.waits != "" {
				running[c.waits] = start(c.waits, id)
				time.Sleep(time.Second)
			}
			got := running[c.interrupted]()
			if a := u.newest(t)[0]; a.Status != c.want {
				t.Errorf("the order is %s, want %s; the command said: %s", a.Status, c.want, got.stderr)
			}
			for _, interrupt := range running {
				interrupt()
			}
		})
	}
}

// listed is a line of task --json.
type listed struct {
	TaskID string `json:"task_id"`
	Status tasks.State
	Prompt string
}

func (u *user) newest(t *testing.T) []listed {
	t.Helper()
	var all struct{ Tasks []listed }
	if err := json.Unmarshal([]byte(u.mustRun(t, "task", "--json").stdout), &all); err != nil {
		t.Fatal(err)
	}
	return all.Tasks
}

// until waits for the newest order to be this one in this state, and returns its id.
func (u *user) until(t *testing.T, prompt string, state tasks.State) string {
	t.Helper()
	for start := time.Now(); time.Since(start) < patience; time.Sleep(20 * time.Millisecond) {
		if all := u.newest(t); len(all) > 0 && all[0].Prompt == prompt && all[0].Status == state {
			return all[0].TaskID
		}
	}
	t.Fatalf("%q is not %s", prompt, state)
	return ""
}

// TestSimulateSpeed: life at its own speed takes longer than anybody waits here.
func TestSimulateSpeed(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer cancel()
	if got := u.runIn(ctx, strings.NewReader(""), "generate", "--simulate", "--simulate-speed", "0.1", "x"); got.code != 1 {
		t.Errorf("at a tenth of life's speed it ended with %d: %s", got.code, got.stdout)
	}
	u.mustRun(t, "generate", "--simulate", "--simulate-speed", "1000", "--state-dir", filepath.Join(u.home, "elsewhere"), "x")
	if _, err := os.Stat(filepath.Join(u.home, "elsewhere", "simulated", "journal.db")); err != nil {
		t.Errorf("--state-dir: %v", err)
	}
}

// TestLog: level and format are as asked.
func TestLog(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	base := []string{"generate", "--simulate", "--simulate-speed", "1000", "--quiet", "--out", "none"}
	if got := u.mustRun(t, append(base, "x")...); got.stderr != "" {
		t.Errorf("--quiet says %s", got.stderr)
	}
	if got := u.mustRun(t, append(base, "--log-level", "debug", "y")...); !strings.Contains(got.stderr, "DBG") {
		t.Errorf("--log-level debug says %s", got.stderr)
	}
	if got := u.mustRun(t, append(base, "--log-level", "info", "y")...); !strings.Contains(got.stderr, "submitted") || strings.Contains(got.stderr, `=""`) {
		t.Errorf("want a log without what has nothing to tell, got %s", got.stderr)
	}
	got := u.mustRun(t, append(base, "--log-level", "debug", "--log-format", "json", "z")...)
	for line := range strings.SplitSeq(strings.TrimSpace(got.stderr), "\n") {
		if !json.Valid([]byte(line)) {
			t.Errorf("--log-format json says %s", line)
		}
	}
}
