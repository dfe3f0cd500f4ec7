package torture_test

import (
	"fmt"
	"math"
	"net/http"
	"time"

	"wan-image-mcp/dashscope/simulator"
)

// chance is true so often.
func (w *world) chance(p float64) bool { return w.random.Float64() < p }

// span is a time between the two, short ones as often as long ones: a microsecond
// and a second are equally interesting moments to die at.
func (w *world) span(least, most time.Duration) time.Duration {
	low, high := math.Log(float64(least)), math.Log(float64(most))
	return time.Duration(math.Exp(low + w.random.Float64()*(high-low)))
}

func oneOf[T any](w *world, all ...T) T { return all[w.random.IntN(len(all))] }

// newWish makes up something to want. Pictures are small where a model lets them.
func (w *world) newWish() *wish {
	k := &wish{marker: fmt.Sprintf("m%dx%04d", w.seed, len(w.wishes)), given: map[string]time.Time{}}
	k.args = map[string]any{"prompt": k.marker + " " + oneOf(w, "a lighthouse", "a flower shop", "a fox in the snow") + w.mark()}
	models := []string{"wan2.6-t2i", "wan2.6-t2i", "wan2.2-t2i-plus", "wan2.2-t2i-flash", "wan2.1-t2i-plus", "wan2.1-t2i-turbo", "wanx2.0-t2i-turbo"}
	if w.kind {
		models = models[1:3] // so that their limits are reached
	}
	switch model := oneOf(w, models...); model {
	case "wan2.6-t2i":
		k.args["model"] = model // the messages form, which tells no prompts
	default:
		k.args["model"], k.args["size"] = model, "512*512"
	}
	if w.chance(0.2) {
		k.args["n"] = 2
	}
	if w.chance(0.3) {
		k.args["seed"] = w.random.IntN(1e6)
	}
	if w.chance(0.4) {
		k.key = "key-" + k.marker
		k.args["idempotency_key"] = k.key
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wishes = append(w.wishes, k)
	w.byMarker[k.marker] = k
	return k
}

// mark makes the service treat one order in its own way.
func (w *world) mark() string {
	if w.kind || w.chance(0.8) {
		return ""
	}
	return oneOf(w, " [sim:fail]", " [sim:refuse]", " [sim:partial]", " [sim:slow=3s]", " [sim:queue=2s]", " [sim:429=1]", " [sim:one-choice]")
}

// spoilCreate arranges what happens to the first create of a wish. Everything
// that may be accepted and then goes wrong must be found again; a refusal that the
// service takes back in secret (a 429 or 400 of its own for a task that it made)
// is not among it, for nobody could know.
func (w *world) spoilCreate(k *wish) {
	f := simulator.Fault{Op: "create", Match: k.marker}
	f.Kind = oneOf(w, "cut_before", "cut_after", "cut_after", "hang", "truncate", "wrong_length", "empty", "wrong_type",
		"html", "status", "status", "status", "delay", "redirect")
	switch f.Kind {
	case "hang", "html":
		f.After = w.chance(0.5)
	case "status":
		f.Status = oneOf(w, 408, 429, 500, 502, 503, 504)
		f.After = f.Status != http.StatusTooManyRequests && w.chance(0.5)
	case "delay":
		f.DelayMS = int64(w.span(time.Millisecond, 700*time.Millisecond) / time.Millisecond)
		f.DelayMS = max(f.DelayMS, 1)
	}
	w.inject(f)
}

// spoilReads arranges trouble for what costs nothing: looking, listing, fetching.
func (w *world) spoilReads() {
	f := simulator.Fault{Op: oneOf(w, "task", "list", "list", "image", "image", "cancel"), N: 1 + w.random.IntN(3)}
	kinds := []string{"cut_before", "cut_after", "truncate", "wrong_length", "empty", "html", "status", "wrong_type", "delay", "redirect"}
	if f.Op == "task" || f.Op == "list" {
		kinds = append(kinds, "lie", "lie")
	}
	if f.Op == "image" {
		kinds = append(kinds, "endless", "gzip_bomb")
	}
	if w.chance(0.1) {
		kinds = []string{"hang"}
	}
	switch f.Kind = oneOf(w, kinds...); f.Kind {
	case "status":
		f.Status = oneOf(w, 403, 404, 429, 500, 502, 503, 504)
	case "delay":
		f.DelayMS = 300
	}
	w.inject(f)
}

// spoilService changes how the service behaves for a while.
func (w *world) spoilService() {
	switch w.random.IntN(5) {
	case 0:
		// Less than the grace: a list that lags longer is beyond help.
		w.admin("lag", map[string]any{"list_lag_ms": w.random.IntN(900)})
	case 1:
		w.admin("excess", map[string]any{"excess": oneOf(w, "queue", "refuse")})
	case 2:
		w.admin("expire", map[string]any{"links": true})
	case 3: // Other clients of the account. Those of wan2.6, which tells no prompts, want another size.
		w.admin("foreign", map[string]any{"n": 1 + w.random.IntN(3), "model": "wan2.6-t2i", "size": "1696*960", "spread_ms": 2000})
	case 4:
		model := oneOf(w, "wan2.2-t2i-plus", "wanx2.1-t2i-turbo")
		w.admin("foreign", map[string]any{"n": 1 + w.random.IntN(3), "model": model, "size": "512*512", "spread_ms": 2000})
	}
}

func (w *world) inject(f simulator.Fault) {
	w.verdict.faults++
	w.service.ask(http.MethodPost, "/admin/faults", f, nil)
}

func (w *world) admin(what string, body any) {
	w.verdict.faults++
	w.service.ask(http.MethodPost, "/admin/"+what, body, nil)
}

// goodLuck ends all trouble.
func (w *world) goodLuck(excess string) {
	w.wire.trouble.Store(0)
	w.wire.on(nil, nil)
	w.service.ask(http.MethodDelete, "/admin/faults", nil, nil)
	w.service.ask(http.MethodPost, "/admin/lag", map[string]any{"list_lag_ms": 0}, nil)
	w.service.ask(http.MethodPost, "/admin/excess", map[string]any{"excess": excess}, nil)
}
