package dashscope

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"

	"golang.org/x/time/rate"
)

// call is one request to make.
type call struct {
	op, method, path, query string

	body  []byte // nil = none
	paid  bool   // it buys pictures
	async bool   // it asks for a task

	turn    *rate.Limiter
	timeout time.Duration // once its turn has come
	limit   int64         // of the answer's bytes
}

// reply is what came back.
type reply struct {
	status     int
	retryAfter time.Duration
	body       object // nil with err
	err        error  // no answer, or one that could not be read
	sent       bool   // the request may have left; it counts when err is set and status is 0
}

// do makes one request and reads its answer. It never repeats one.
func do[T any](ctx context.Context, c *Client, out call, decode func(object) (T, error)) (T, error) {
	var none T
	base, key, err := c.address()
	if err == nil {
		err = wait(ctx, out.turn)
	}
	if err != nil {
		return none, c.fail(out, reply{err: err})
	}
	ctx, cancel := context.WithTimeoutCause(ctx, out.timeout,
		fmt.Errorf("no answer within %s: %w", out.timeout, context.DeadlineExceeded))
	defer cancel()

	start := time.Now()
	got := c.exchange(ctx, out, base, key)
	if got.err == nil && got.status < 300 {
		value, err := decode(got.body)
		if err == nil {
			c.report(ctx, out, time.Since(start), got.status, got.body.requestID(), nil)
			return value, nil
		}
		got.err = err
	}
	failure := c.fail(out, got)
	c.report(ctx, out, time.Since(start), got.status, failure.RequestID, failure)
	return none, failure
}

// exchange sends the request and reads the whole answer.
func (c *Client) exchange(ctx context.Context, out call, base, key string) reply {
	var w witness
	req, err := newRequest(httptrace.WithClientTrace(ctx, w.trace()), out, base, key)
	if err != nil {
		return reply{err: err}
	}
	transport := c.lanes.pick(c.Transport, out.paid)
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return reply{err: transportError(ctx, err), sent: w.maySent(transport, err)}
	}
	defer func() { _ = resp.Body.Close() }()
	c.clock.note(resp.Header, time.Now())
	got := reply{status: resp.StatusCode, retryAfter: retryAfter(resp.Header), sent: true}
	if got.status >= 300 && got.status < 400 {
		got.err = errRedirect
		return got
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, out.limit+1))
	switch {
	case err != nil:
		got.err = transportError(ctx, err)
	case int64(len(data)) > out.limit:
		got.err = fmt.Errorf("the answer is larger than %d bytes", out.limit)
	default:
		got.body, got.err = parseObject(data)
	}
	return got
}

func newRequest(ctx context.Context, out call, base, key string) (*http.Request, error) {
	var body io.Reader
	if out.body != nil {
		body = timely{ctx, bytes.NewReader(out.body)}
	}
	target := base + out.path
	if out.query != "" {
		target += "?" + out.query
	}
	req, err := http.NewRequestWithContext(ctx, out.method, target, body)
	if err != nil {
		return nil, stripURL(err)
	}
	// Without GetBody no transport can send the body a second time by itself.
	req.GetBody = nil
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("User-Agent", "wan-image-mcp")
	if out.body != nil {
		req.ContentLength = int64(len(out.body))
		req.Header.Set("Content-Type", "application/json")
	}
	if out.async {
		req.Header.Set("X-DashScope-Async", "enable")
	}
	return req, nil
}

// timely is a body that does not leave after its time. A process that was stopped while
// it connected goes on where it was, before it notices that time is over; by then
// others may have found that the order never arrived.
type timely struct {
	ctx  context.Context //nolint:containedctx // of the request that has this body
	body io.Reader
}

func (t timely) Read(p []byte) (int, error) {
	if until, ok := t.ctx.Deadline(); ok && time.Now().After(until) {
		return 0, context.DeadlineExceeded
	}
	return t.body.Read(p)
}

// transportError says why there is no answer, without the URL.
func transportError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	return stripURL(err)
}

// stripURL takes the URL out of net/http's errors: its query is nobody's business.
func stripURL(err error) error {
	var withURL *url.Error
	for errors.As(err, &withURL) {
		err = fmt.Errorf("%s: %w", withURL.Op, withURL.Err)
	}
	return err
}

var (
	errRedirect = &plain{text: "the base URL answers with a redirect, which is never followed, and nothing was bought: set DASHSCOPE_HTTP_BASE_URL to the address of the service itself"}
	errNotAPI   = &plain{text: "what answered is not the DashScope API: check the base URL, and whether a proxy or a login page stands in between"}
)

// fail makes the error of a request that was answered with anything but success,
// or not at all.
func (c *Client) fail(out call, got reply) *Error {
	e := &Error{
		Op: out.op, Status: got.status, RetryAfter: got.retryAfter, Region: c.Region.Canonical(),
		Code: c.scrub(got.body.code()), RequestID: c.scrub(got.body.requestID()), Err: got.err,
	}
	switch {
	case e.Code != "": // the service says it better
		e.Message, e.Err = c.scrub(got.body.message()), nil
	case e.Status >= 400 && e.Status < 500 && (e.Err == nil || errors.Is(e.Err, errNotObject)):
		e.Err = errNotAPI
	}
	if out.paid {
		e.Outcome = MayBeAccepted
		switch {
		case got.status == 0 && !got.sent:
			e.Outcome = NotSent
		case got.status != 0 && !got.body.object("output").has("task_id"):
			e.Outcome = outcomeOf(got.status, e.Code, e.Message)
		}
	}
	if isPlanKey(c.key()) && errors.Is(e, ErrUnauthorized) {
		e.Err = errPlanKey
	}
	return e
}

// scrub takes the key out of a text, should the service repeat it.
func (c *Client) scrub(text string) string {
	const shortest = 8 // anything shorter is no key, and may be in any word
	if key := c.key(); len(key) >= shortest {
		return strings.ReplaceAll(text, key, redacted)
	}
	return text
}

// report tells the logger and the observer about one request.
func (c *Client) report(ctx context.Context, out call, took time.Duration, status int, requestID string, e *Error) {
	outcome := "ok"
	if e != nil {
		outcome = "error"
		if e.Outcome != 0 {
			outcome = e.Outcome.String()
		}
	}
	if c.Observe != nil {
		c.Observe(out.op, outcome, took)
	}
	if c.Logger == nil {
		return
	}
	attrs := []slog.Attr{
		slog.String("op", out.op), slog.String("path", out.path), slog.Int("status", status),
		slog.String("outcome", outcome), slog.Duration("took", took), slog.String("request_id", requestID),
	}
	if e != nil {
		attrs = append(attrs, slog.String("error", e.Error()))
	}
	c.Logger.LogAttrs(ctx, slog.LevelDebug, "dashscope request", attrs...)
}
