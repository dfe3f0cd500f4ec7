package simulator

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// bodyMax bounds what a client may send.
const bodyMax = 1 << 20

// A call is one request, read whole, on its way through the service.
type call struct {
	op    string // create, sync, task, list, cancel, image, models, "" for the rest
	r     *http.Request
	body  []byte
	id    string // task id or picture name, from the path
	fault Fault  // what happens to it; Kind "" for nothing
	late  time.Duration
	entry Entry

	throttled bool // by the limit that all queries share

	method string // the method that the path takes
	answer func(*call) reply
}

// A reply is an answer, or the lack of one.
type reply struct {
	status int
	header http.Header
	body   []byte
	stream io.Reader // instead of body, without a length
	length int64     // the Content-Length to claim; 0 means the true one
	cut    bool      // the connection is reset after body; before any answer when status is 0
	hang   bool
	code   string // of the error, for the log
}

func (r *reply) set(key, value string) {
	if r.header == nil {
		r.header = http.Header{}
	}
	r.header.Set(key, value)
}

// answerJSON is a 200 with v as its body, on one line as the service does it.
func answerJSON(v any) reply {
	r := reply{status: http.StatusOK}
	r.set("Content-Type", "application/json")
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return failWith("InternalError", err.Error())
	}
	r.body = bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	return r
}

func failWith(code, message string) reply { return fail(code, message).reply() }

// reply is the service's error body. Its own checks put request_id first, its
// gateway puts it last.
func (f failure) reply() reply {
	id := newID()
	var r reply
	if f.status == http.StatusBadRequest {
		r = answerJSON(struct {
			RequestID string `json:"request_id"`
			Code      string `json:"code"`
			Message   string `json:"message"`
		}{id, f.code, f.message})
	} else {
		r = answerJSON(struct {
			Code      string `json:"code"`
			Message   string `json:"message"`
			RequestID string `json:"request_id"`
		}{f.code, f.message, id})
	}
	r.status, r.code = f.status, f.code
	r.set("X-Request-Id", id)
	return r
}

// route finds what a path asks for. Trailing slashes make no difference: the
// official SDKs ask for /tasks/<id>/?size=... too.
func (s *Simulator) route(r *http.Request) *call {
	c := &call{r: r, method: http.MethodGet}
	path := strings.TrimRight(r.URL.Path, "/")
	switch path {
	case "":
		c.answer = s.about
		return c
	case pathMessages, pathPrompt:
		c.op, c.method, c.answer = "create", http.MethodPost, s.create
		return c
	case pathSync:
		c.op, c.method, c.answer = "sync", http.MethodPost, s.createSync
		return c
	case "/api/v1/tasks":
		c.op, c.answer = "list", s.list
		return c
	case "/api/v1/models":
		c.op, c.answer = "models", s.listModels
		return c
	}
	if strings.HasPrefix(path, "/admin/") {
		c.method, c.answer = r.Method, s.admin
		return c
	}
	if name, found := strings.CutPrefix(path, "/images/"); found {
		c.op, c.id, c.answer = "image", name, s.image
		return c
	}
	id, found := strings.CutPrefix(path, "/api/v1/tasks/")
	id, cancel := strings.CutSuffix(id, "/cancel")
	switch {
	case !found || strings.Contains(id, "/"):
		c.method = r.Method
		c.answer = func(*call) reply { return failWith("NotFound", "") }
	case cancel:
		c.op, c.id, c.method, c.answer = "cancel", id, http.MethodPost, s.cancel
	default:
		c.op, c.id, c.answer = "task", id, s.query
	}
	return c
}

// contains reports whether text stands anywhere in the request that a fault
// may be aimed at.
func (c *call) contains(text string) bool {
	return text == "" || strings.Contains(c.r.URL.Path, text) ||
		strings.Contains(c.r.URL.RawQuery, text) || bytes.Contains(c.body, []byte(text))
}

func (c *call) creates() bool { return c.op == "create" || c.op == "sync" }

// handle takes one request from its first byte to the end of the wait for its
// answer. It returns early, with a cut, when ctx ends.
func (s *Simulator) handle(ctx context.Context, c *call) reply {
	c.throttled = !s.arrive(c)
	if fault, hit := s.takeFault(c, false); hit {
		c.strike(fault)
	}
	if !c.creates() && wait(ctx, c.late) != nil {
		return reply{cut: true}
	}
	var r reply
	if !c.fault.before() {
		r = s.carryOut(c)
	}
	if c.fault.before() || c.fault.Kind != "" && (c.entry.Accepted || !c.creates()) {
		r = c.fault.spoil(c.op, r) // a create that was refused stays so
	}
	s.record(c, r)
	if c.creates() && wait(ctx, c.late) != nil {
		return reply{cut: true}
	}
	if r.hang {
		<-ctx.Done()
		return reply{cut: true}
	}
	return r
}

func (c *call) strike(f Fault) {
	c.fault = f
	c.entry.Fault = f.Kind
	c.late += time.Duration(f.DelayMS) * time.Millisecond
}

func (s *Simulator) carryOut(c *call) reply {
	if c.r.Method != c.method {
		f := failure{http.StatusMethodNotAllowed, "MethodNotAllowed", "Request method '" + c.r.Method + "' is not supported."}
		return f.reply()
	}
	if len(c.body) > bodyMax {
		f := failure{http.StatusRequestEntityTooLarge, "InvalidParameter", "The request body is too large."}
		return f.reply()
	}
	if strings.HasPrefix(c.r.URL.Path, "/api/") {
		if f, ok := s.authorize(c); !ok {
			return f.reply()
		}
	}
	if c.throttled {
		return failWith("Throttling.RateQuota", "")
	}
	return c.answer(c)
}

// keyPattern is a well-formed key. Keys of coding plans (sk-sp-) are for other
// hosts; sk-invalid is here so that a wrong key can be tried without Options.
var (
	keyPattern     = regexp.MustCompile(`^sk-[A-Za-z0-9_.-]+$`)
	invalidPattern = regexp.MustCompile(`^sk-(sp-|invalid)`)
)

func (s *Simulator) authorize(c *call) (failure, bool) {
	key, bearer := strings.CutPrefix(c.r.Header.Get("Authorization"), "Bearer ")
	key = strings.TrimSpace(key)
	if !bearer || key == "" {
		return fail("InvalidApiKey", "No API-key provided."), false
	}
	right := keyPattern.MatchString(key) && !invalidPattern.MatchString(key)
	if s.o.APIKeys != nil {
		right = false
		for _, k := range s.o.APIKeys {
			right = subtle.ConstantTimeCompare([]byte(k), []byte(key)) == 1 || right
		}
	}
	if !right {
		return fail("InvalidApiKey", ""), false
	}
	// Another client reports a 403 for this header on a query.
	if s.o.Strict && !c.creates() && c.r.Header.Get("X-DashScope-Async") != "" {
		c.entry.Violation = "X-DashScope-Async on a request that creates nothing"
		return fail("AccessDenied", "current user api does not support asynchronous calls."), false
	}
	return failure{}, true
}

func (s *Simulator) about(*call) reply {
	return answerJSON(map[string]any{
		"service": "DashScope image simulator",
		"note":    "Nothing here is real, nothing is billed. Point a client at /api/v1; any key like sk-test will do.",
		"admin":   []string{"/admin/faults", "/admin/expire", "/admin/excess", "/admin/lag", "/admin/foreign", "/admin/log", "/admin/stats"},
	})
}
