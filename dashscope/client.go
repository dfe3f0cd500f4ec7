package dashscope

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// Client calls the service. Fill in the fields before the first call and leave
// them alone afterwards; all methods may be called from several goroutines. A
// Client must not be copied after first use.
type Client struct {
	APIKey    Secret
	Region    Region // zero = Beijing
	Workspace string // id of a workspace, whose own host is then used; "" = the region's shared host

	// BaseURL replaces the address of the region; it ends in /api/v1. "" = the
	// region's. Plain http is for loopback addresses only.
	BaseURL string

	// Transport carries the requests. nil = one of our own, with the proxy of the
	// environment. An *http.Transport is cloned for creates, so that each has a
	// fresh connection. Any other must report to httptrace as *http.Transport does
	// (GetConn, GotConn, WroteHeaders): a failure counts as not sent only when the
	// trace shows that no connection was had.
	Transport http.RoundTripper

	SubmitTimeout time.Duration // of a create, once its turn has come; 0 = 30 s
	QueryTimeout  time.Duration // of Task, Tasks and Cancel; 0 = 10 s
	SyncTimeout   time.Duration // of a synchronous create; 0 = 300 s

	Logger *slog.Logger // one debug line per request, without keys or links; nil = none
	// Observe is told about each request: op is create, create_sync, task, tasks or
	// cancel; outcome is ok, not_sent, refused or may_be_accepted for creates, ok or
	// error for the rest. nil = none.
	Observe func(op, outcome string, took time.Duration)

	mu sync.Mutex
}

// Create asks for pictures. It makes exactly one POST.
func (c *Client) Create(ctx context.Context, req ImageRequest) (*Result, error) { return nil, nil }

// CreateSync asks for pictures and waits for them in the same request.
func (c *Client) CreateSync(ctx context.Context, req ImageRequest) (*Result, error) { return nil, nil }

// Task asks what became of a task.
func (c *Client) Task(ctx context.Context, id string) (*Result, error) { return nil, nil }

// Tasks lists the account's tasks.
func (c *Client) Tasks(ctx context.Context, filter TaskFilter) (*TaskPage, error) { return nil, nil }

// Cancel takes back a PENDING task.
func (c *Client) Cancel(ctx context.Context, id string) (requestID string, err error) { return "", nil }
