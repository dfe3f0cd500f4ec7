package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"wan-image-mcp/tasks"
)

const (
	maxWatchers    = 10_000 // clients with subscriptions
	maxWatchedURIs = 1_000  // of one of them
)

// hub tells clients about tasks that they subscribed to. mcp-go acknowledges
// subscriptions, in both eras of the protocol, and forgets them.
type hub struct {
	server *mcpserver.MCPServer
	caller func(context.Context) tasks.Caller
	exists func(ctx context.Context, uri string) bool

	mu       sync.Mutex
	watchers map[any]*watcher // by session id, or by itself for a listen stream
}

// watcher is one client that wants to hear of some resources.
type watcher struct {
	owner string
	uris  map[string]bool
	send  func(mcp.JSONRPCNotification)
}

// attach registers the hub with the server's hooks.
func (h *hub) attach(hooks *mcpserver.Hooks) {
	hooks.AddOnRequestInitialization(h.refuseUnknown)
	hooks.AddAfterSubscribe(func(ctx context.Context, _ any, req *mcp.SubscribeRequest, _ *mcp.EmptyResult) {
		h.subscribe(ctx, req.Params.URI)
	})
	hooks.AddAfterUnsubscribe(func(ctx context.Context, _ any, req *mcp.UnsubscribeRequest, _ *mcp.EmptyResult) {
		h.unsubscribe(ctx, req.Params.URI)
	})
	hooks.AddOnUnregisterSession(func(_ context.Context, session mcpserver.ClientSession) {
		h.forget(session.SessionID())
	})
	hooks.AddBeforeSubscriptionsListen(h.listen)
	hooks.AddAfterSubscriptionsListen(func(ctx context.Context, _ any, _ *mcp.SubscriptionsListenRequest, _ *mcp.SubscriptionsListenResult) {
		letGo(ctx)
	})
}

// refuseUnknown fails a subscription to something of ours that is not there, or
// is another owner's: the two look the same. It is the only hook that can refuse.
func (h *hub) refuseUnknown(ctx context.Context, _, message any) error {
	raw, _ := message.(json.RawMessage)
	if !bytes.Contains(raw, []byte(mcp.MethodResourcesSubscribe)) {
		return nil
	}
	var req struct {
		Method mcp.MCPMethod `json:"method"`
		Params struct {
			URI string `json:"uri"`
		} `json:"params"`
	}
	ours := json.Unmarshal(raw, &req) == nil && req.Method == mcp.MethodResourcesSubscribe && strings.HasPrefix(req.Params.URI, "wan://")
	if ours && !h.exists(ctx, req.Params.URI) {
		return fmt.Errorf("resource not found: %.200q", req.Params.URI)
	}
	return nil
}

// subscribe remembers what of ours a client with a session wants to hear of.
func (h *hub) subscribe(ctx context.Context, uri string) {
	session := mcpserver.ClientSessionFromContext(ctx)
	if session == nil || !h.exists(ctx, uri) {
		return
	}
	id := session.SessionID()
	h.mu.Lock()
	defer h.mu.Unlock()
	w := h.watchers[id]
	if w == nil {
		if len(h.watchers) >= maxWatchers {
			return
		}
		w = &watcher{owner: h.caller(ctx).Owner, uris: make(map[string]bool), send: func(n mcp.JSONRPCNotification) {
			_ = h.server.SendNotificationToSpecificClient(id, n.Method, n.Params.AdditionalFields)
		}}
		h.watchers[id] = w
	}
	if len(w.uris) < maxWatchedURIs {
		w.uris[uri] = true
	}
}

func (h *hub) unsubscribe(ctx context.Context, uri string) {
	session := mcpserver.ClientSessionFromContext(ctx)
	if session == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if w := h.watchers[session.SessionID()]; w != nil {
		delete(w.uris, uri)
	}
}

func (h *hub) forget(key any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.watchers, key)
}

// listen serves a stream of protocol version 2026-07-28 for as long as its
// request lives. What the client may not see is left out of the acknowledgement.
func (h *hub) listen(ctx context.Context, id any, req *mcp.SubscriptionsListenRequest) {
	session := mcpserver.ClientSessionFromContext(ctx)
	if session == nil {
		return
	}
	wanted := req.Params.Notifications.ResourceSubscriptions
	w := &watcher{owner: h.caller(ctx).Owner, uris: make(map[string]bool)}
	var granted []string
	for _, uri := range wanted[:min(len(wanted), maxWatchedURIs)] {
		if !w.uris[uri] && h.exists(ctx, uri) {
			w.uris[uri] = true
			granted = append(granted, uri)
		}
	}
	req.Params.Notifications.ResourceSubscriptions = granted
	w.send = func(n mcp.JSONRPCNotification) {
		n.Params.Meta = map[string]any{mcp.MetaKeySubscriptionID: id}
		select {
		case session.NotificationChannel() <- n:
		default: // a client that does not read hears less
		}
	}
	h.mu.Lock()
	full := len(h.watchers) >= maxWatchers
	if !full && len(granted) > 0 {
		h.watchers[w] = w
	}
	h.mu.Unlock()
	context.AfterFunc(ctx, func() { h.forget(w) })
}

// ackHead is how far the answer to subscriptions/listen stays behind the
// acknowledgement.
const ackHead = 20 * time.Millisecond

// letGo lets the acknowledgement of a stream that was granted nothing go out: its
// answer comes at once, and over HTTP mcp-go drops a notification that an answer
// overtakes. A stream that was granted something has ended with its context.
func letGo(ctx context.Context) {
	wait := time.NewTimer(ackHead)
	defer wait.Stop()
	select {
	case <-ctx.Done():
	case <-wait.C:
	}
}

// changed tells the task's owner, wherever he listens. It does not block.
func (h *hub) changed(t tasks.Task) {
	for _, uri := range []string{tasks.TaskURI(t.ID), tasks.BudgetURI} {
		n := mcp.JSONRPCNotification{JSONRPC: mcp.JSONRPC_VERSION}
		n.Method = mcp.MethodNotificationResourceUpdated
		n.Params.AdditionalFields = map[string]any{"uri": uri}
		for _, w := range h.watching(t.Owner, uri) {
			w.send(n)
		}
	}
}

func (h *hub) watching(owner, uri string) []*watcher {
	h.mu.Lock()
	defer h.mu.Unlock()
	var found []*watcher
	for _, w := range h.watchers {
		if w.owner == owner && w.uris[uri] {
			found = append(found, w)
		}
	}
	return found
}
