package server

import (
	"context"
	"sync"

	mcpserver "github.com/mark3labs/mcp-go/server"
)

// heldSessions counts the sessions that mcp-go holds in memory, together and for
// each owner, until they are ended or idle for long. With many owners, each gets
// at most half of them, so that one who forgets his sessions locks only himself
// out.
type heldSessions struct {
	share int // 2 where there are tokens

	mu      sync.Mutex
	owners  map[string]string // by session id
	byOwner map[string]int
}

func newHeldSessions(shared bool) *heldSessions {
	h := &heldSessions{share: 1, owners: make(map[string]string), byOwner: make(map[string]int)}
	if shared {
		h.share = 2
	}
	return h
}

// count registers with the server's hooks.
func (h *heldSessions) count(hooks *mcpserver.Hooks) {
	hooks.AddOnRegisterSession(func(ctx context.Context, session mcpserver.ClientSession) {
		h.add(tokenOf(ctx).owner, session.SessionID())
	})
	hooks.AddOnUnregisterSession(func(_ context.Context, session mcpserver.ClientSession) {
		h.remove(session.SessionID())
	})
}

// fits reports whether owner may have one more.
func (h *heldSessions) fits(owner string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.owners) < maxSessions && h.byOwner[owner] < maxSessions/h.share
}

func (h *heldSessions) add(owner, id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, known := h.owners[id]; !known {
		h.owners[id] = owner
		h.byOwner[owner]++
	}
}

func (h *heldSessions) remove(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	owner, known := h.owners[id]
	if !known {
		return
	}
	delete(h.owners, id)
	if h.byOwner[owner]--; h.byOwner[owner] == 0 {
		delete(h.byOwner, owner)
	}
}
