package dashscope

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"
)

// Client calls the service. Fill in the fields before the first call and leave
// them alone afterwards; then all methods may be called from several goroutines.
// A Client must not be copied after first use.
//
// It keeps itself within the published pace, so use one Client per account.
type Client struct {
	APIKey    Secret
	Region    Region // zero = Beijing
	Workspace string // id of a workspace, whose own host is then used; "" = the region's shared host

	// BaseURL replaces the region's address; it ends in /api/v1. "" = the region's.
	// Plain http is for loopback addresses only, because the key travels with it.
	BaseURL string

	// Transport carries the requests; nil = one of our own, with the proxy of the
	// environment. An *http.Transport is cloned for creates, so that each has a
	// fresh connection. Any other must report to httptrace as *http.Transport does
	// (GetConn, GotConn, WroteHeaders): a failure counts as not sent only when the
	// trace proves it.
	Transport http.RoundTripper

	SubmitTimeout time.Duration // of a create, once its turn has come; 0 = 30 s
	QueryTimeout  time.Duration // of Task, Tasks and Cancel; 0 = 10 s
	SyncTimeout   time.Duration // of a synchronous create; 0 = 300 s

	// Logger gets one debug line per request, without keys, links or headers; nil =
	// none.
	Logger *slog.Logger
	// Observe is told about each request, for metrics; nil = none. op is create,
	// create_sync, task, tasks or cancel; outcome is ok, not_sent, refused or
	// may_be_accepted for creates, ok or error for the rest.
	Observe func(op, outcome string, took time.Duration)

	pace      pace
	clock     clock
	spellings spellings
	lanes     lanes
}

// The names of the operations in errors, logs and metrics.
const (
	opCreate     = "create"
	opCreateSync = "create_sync"
	opTask       = "task"
	opTasks      = "tasks"
	opCancel     = "cancel"
)

// What an answer may measure at most; a page of the list holds many rows.
const (
	maxAnswer = 1 << 20
	maxList   = 8 << 20
)

// Create asks for pictures: it checks the request, waits for its turn and makes
// exactly one POST. The result has the task's id, with which Task tells the rest.
//
// It never repeats anything. Its error is ErrNotSent, ErrRefused or
// ErrMayBeAccepted, and only after the first two is another Create free of the
// risk of paying twice. A context that ends while the POST is out makes it
// ErrMayBeAccepted: give it one that the caller's impatience does not end.
func (c *Client) Create(ctx context.Context, req ImageRequest) (*Result, error) {
	return c.create(ctx, opCreate, req)
}

// CreateSync asks for pictures and waits for them in the same request. There is no
// task: when the answer is lost, so are the pictures. Only models with a SyncPath
// have it, in regions whose Offer says so.
func (c *Client) CreateSync(ctx context.Context, req ImageRequest) (*Result, error) {
	return c.create(ctx, opCreateSync, req)
}

func (c *Client) create(ctx context.Context, op string, req ImageRequest) (*Result, error) {
	req = req.Resolve()
	if found := req.Validate(c.Region); len(found) > 0 {
		return nil, c.notSent(op, &ValidationError{found})
	}
	at, err := findSite(string(c.Region))
	if err != nil {
		return nil, c.notSent(op, err)
	}
	model := findModel(req.Model)
	post := call{
		op: op, method: http.MethodPost, path: model.CreatePath, paid: true, async: true,
		timeout: orDefault(c.SubmitTimeout, 30*time.Second), limit: maxAnswer,
		turn: c.pace.create(model, at.region),
	}
	decode := decodeCreate
	if op == opCreateSync {
		if !model.Offers[at.region].Sync {
			return nil, c.notSent(op, &ValidationError{[]Violation{noSync(model, at.region)}})
		}
		post.path, post.async = model.SyncPath, false
		post.timeout = orDefault(c.SyncTimeout, 300*time.Second)
		decode = decodeSync
	}
	spelling := c.spellings.wire(model, at.region)
	if post.body, err = encodeCreate(req, model.Form, spelling); err != nil {
		return nil, c.notSent(op, err)
	}
	result, err := do(ctx, c, post, decode)
	var failure *Error
	if errors.Is(err, ErrModelNotFound) && c.spellings.reject(model, spelling) && errors.As(err, &failure) {
		failure.Err = ErrOtherSpelling
	}
	return result, err
}

func (c *Client) notSent(op string, err error) error {
	return &Error{Op: op, Outcome: NotSent, Region: c.Region.Canonical(), Err: err}
}

func noSync(m *Model, region Region) Violation {
	return Violation{
		Field: "model", Value: m.ID, Limit: "the asynchronous endpoint",
		Text: fmt.Sprintf("model %s is not served synchronously in region %s: ask for it asynchronously", m.ID, region),
	}
}

// Task asks what became of a task. A task that failed, or that the service has
// forgotten, is a Result too; Result.Err makes an error of it.
func (c *Client) Task(ctx context.Context, id string) (*Result, error) {
	if !taskID.MatchString(id) {
		return nil, c.badTaskID(opTask, id)
	}
	return do(ctx, c, c.query(opTask, http.MethodGet, "/tasks/"+id, nil), func(o object) (*Result, error) {
		return decodeTask(o, id)
	})
}

// Tasks returns one page of the account's tasks of the last 24 hours. The list
// shows the tasks of all keys of the account.
func (c *Client) Tasks(ctx context.Context, filter TaskFilter) (*TaskPage, error) {
	model := filter.Model
	if m := findModel(model); m != nil {
		model = c.spellings.wire(m, c.Region.Canonical())
	}
	list := c.query(opTasks, http.MethodGet, "/tasks/", filter.query(model))
	list.limit = maxList
	return do(ctx, c, list, decodePage)
}

// Cancel takes back a task that is still PENDING; it is then not billed. In any
// other state the service answers UnsupportedOperation.
func (c *Client) Cancel(ctx context.Context, id string) (requestID string, err error) {
	if !taskID.MatchString(id) {
		return "", c.badTaskID(opCancel, id)
	}
	return do(ctx, c, c.query(opCancel, http.MethodPost, "/tasks/"+id+"/cancel", nil), func(o object) (string, error) {
		if o.code() != "" {
			return "", errHasCode
		}
		return o.requestID(), nil
	})
}

// query is a request that costs nothing.
func (c *Client) query(op, method, path string, q url.Values) call {
	return call{
		op: op, method: method, path: path, query: q.Encode(),
		timeout: orDefault(c.QueryTimeout, 10*time.Second), limit: maxAnswer, turn: c.pace.query(),
	}
}

func (c *Client) badTaskID(op, id string) error {
	return &Error{Op: op, Region: c.Region.Canonical(), Err: &ValidationError{[]Violation{{
		Field: "task_id", Value: Clip(id, quoteMax), Limit: "letters, digits and hyphens",
		Text: fmt.Sprintf("task_id %s is not an id of the service: those are letters, digits and hyphens", quote(id)),
	}}}}
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d <= 0 {
		return otherwise
	}
	return d
}
