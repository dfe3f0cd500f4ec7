package server

import (
	"context"
	"errors"
	"sync"
	"time"

	mcpserver "github.com/mark3labs/mcp-go/server"

	"wan-image-mcp/tasks"
)

// Why nobody waits for an answer any more, as causes of a context's end.
var (
	errGone     = errors.New("the client has gone")
	errCanceled = errors.New("the client cancelled the request")
	errStopping = errors.New("the server is stopping")
	errRevoked  = errors.New("the client's token was taken away")
)

// request is what a transport knows of the message that is being served, and
// mcp-go does not carry. It travels in the context, and only inside this package:
// handlers get functions.
type request struct {
	token   token           // of who sent it; zero when no token was asked for
	good    context.Context // ends when the token is taken away
	session string          // "" means mcp-go's own session id
	http    bool            // over the network, not from this computer's own user
	stream  *sseStream      // of the legacy transport, else nil

	// waited ends when nobody waits for the answer: the client is gone, its token
	// was taken away, or the server stops. Its cause tells which.
	waited context.Context

	turn // if it calls a tool, else zero

	mu       sync.Mutex
	canceled bool // by the client, in so many words
	settled  bool
	written  bool
	asked    bool // a handler wants to know whether its answer was written
	after    []func(written bool)
	left     bool // the client waits no more
	leaving  []func()
	telling  sync.Mutex // held while they hear of it

	// takenBack is closed when the client cancels the request. nil where it has no
	// way to do so after its connection is gone.
	takenBack chan struct{}
	graceEnd  time.Time // of the wait for it; zero before it has begun
}

type requestKey struct{}

func withRequest(ctx context.Context, r *request) context.Context {
	return context.WithValue(ctx, requestKey{}, r)
}

// requestOf is nil outside of this package's transports: an in-process client
// has none.
func requestOf(ctx context.Context) *request {
	r, _ := ctx.Value(requestKey{}).(*request)
	return r
}

// tokenOf is who sent the request of ctx.
func tokenOf(ctx context.Context) token {
	if r := requestOf(ctx); r != nil {
		return r.token
	}
	return token{}
}

// settle tells everyone who asked whether the answer was written whole. Only the
// first call counts. A cancelled request was not delivered, whatever was written.
func (r *request) settle(written bool) {
	r.mu.Lock()
	if r.settled {
		r.mu.Unlock()
		return
	}
	r.settled, r.written = true, written && !r.canceled
	r.left = r.left || !r.written // what was not given to it is to be found again
	after := r.after
	r.after = nil
	r.mu.Unlock()
	for _, done := range after {
		done(r.written)
	}
	r.mu.Lock()
	r.toldEnd = true
	r.mu.Unlock()
	r.noteEnd()
}

// cancel notes that the client takes the request back, in so many words. Tell
// those who asked with leave, which may take as long as a disk does.
func (r *request) cancel() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.canceled && r.takenBack != nil {
		close(r.takenBack)
	}
	r.canceled, r.left = true, true
}

func (r *request) isLeft() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.left
}

// leave tells everyone who asked that the client waits no more. It returns when
// they know.
func (r *request) leave() {
	r.telling.Lock()
	defer r.telling.Unlock()
	r.mu.Lock()
	r.left = true
	leaving := r.leaving
	r.leaving = nil
	r.mu.Unlock()
	for _, fn := range leaving {
		fn()
	}
	r.mu.Lock()
	r.toldLeft = true
	r.mu.Unlock()
	r.noteEnd()
}

// onLeave calls fn once if the client of ctx's request cancels it or goes before
// it was answered.
func onLeave(ctx context.Context, fn func()) {
	r := requestOf(ctx)
	if r == nil {
		context.AfterFunc(ctx, fn)
		return
	}
	r.mu.Lock()
	left := r.left
	if !left {
		r.leaving = append(r.leaving, fn)
	}
	r.mu.Unlock()
	if left {
		fn()
	}
}

// isCutOff reports whether the server, not the client, has ended the waiting.
func (r *request) isCutOff() bool {
	cause := context.Cause(r.waited)
	return errors.Is(cause, errStopping) || errors.Is(cause, errRevoked)
}

func (r *request) isCanceled() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.canceled
}

// afterWrite calls done exactly once: with true after the answer to the request
// of ctx was written whole to a client that had neither cancelled nor left, else
// with false. In process an answer is delivered when it is returned.
func afterWrite(ctx context.Context, done func(written bool)) {
	r := requestOf(ctx)
	if r == nil {
		done(ctx.Err() == nil)
		return
	}
	r.mu.Lock()
	r.asked = true
	r.mu.Unlock()
	r.onSettle(done)
}

func (r *request) onSettle(done func(written bool)) {
	r.mu.Lock()
	if !r.settled {
		r.after = append(r.after, done)
		r.mu.Unlock()
		return
	}
	r.mu.Unlock()
	done(r.written)
}

func (r *request) isAsked() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked
}

// callers tells on whose behalf a request is made. Ids of tasks that this program
// did not create are adopted for the computer's own user only: whoever can reach
// a network address must not try out ids of the whole account.
func callers(localOwner string) func(context.Context) tasks.Caller {
	return func(ctx context.Context) tasks.Caller {
		caller := tasks.Caller{Owner: localOwner, AdoptForeign: true}
		if session := mcpserver.ClientSessionFromContext(ctx); session != nil {
			caller.Session = session.SessionID()
		}
		r := requestOf(ctx)
		if r == nil {
			return caller
		}
		caller.AdoptForeign = !r.http
		if r.token.owner != "" {
			caller.Owner = r.token.owner
		}
		if r.session != "" {
			caller.Session = r.session
		}
		return caller
	}
}
