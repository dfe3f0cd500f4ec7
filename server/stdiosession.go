package server

import (
	"crypto/rand"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
)

// maxNotifications wait to be written. mcp-go drops what comes on top of them, so
// a client that does not read costs no more than this.
const maxNotifications = 1024

// stdioSession is the one client at the other end of stdin and stdout. mcp-go's
// own is a variable of its package, shared by all servers of a process.
type stdioSession struct {
	id            string
	notifications chan mcp.JSONRPCNotification

	mu           sync.RWMutex
	initialized  bool
	level        mcp.LoggingLevel
	info         mcp.Implementation
	capabilities mcp.ClientCapabilities
	version      string
}

var (
	_ mcpserver.SessionWithLogging         = (*stdioSession)(nil)
	_ mcpserver.SessionWithClientInfo      = (*stdioSession)(nil)
	_ mcpserver.SessionWithProtocolVersion = (*stdioSession)(nil)
)

func newStdioSession() *stdioSession {
	return &stdioSession{
		id:            "stdio-" + rand.Text(),
		notifications: make(chan mcp.JSONRPCNotification, maxNotifications),
		level:         mcp.LoggingLevelError,
	}
}

// SessionID is unique to the process, so that several of them take turns.
func (s *stdioSession) SessionID() string { return s.id }

// NotificationChannel is where mcp-go puts what it sends by itself.
func (s *stdioSession) NotificationChannel() chan<- mcp.JSONRPCNotification { return s.notifications }

// Initialize marks the session as ready for notifications.
func (s *stdioSession) Initialize() { set(s, &s.initialized, true) }

// Initialized reports whether the client has said who it is.
func (s *stdioSession) Initialized() bool { return get(s, &s.initialized) }

// SetLogLevel sets the least level of log messages that the client wants.
func (s *stdioSession) SetLogLevel(level mcp.LoggingLevel) { set(s, &s.level, level) }

// GetLogLevel returns the least level of log messages that the client wants.
func (s *stdioSession) GetLogLevel() mcp.LoggingLevel { return get(s, &s.level) }

// SetClientInfo keeps the client's name.
func (s *stdioSession) SetClientInfo(info mcp.Implementation) { set(s, &s.info, info) }

// GetClientInfo returns the client's name.
func (s *stdioSession) GetClientInfo() mcp.Implementation { return get(s, &s.info) }

// SetClientCapabilities keeps what the client can do.
func (s *stdioSession) SetClientCapabilities(c mcp.ClientCapabilities) { set(s, &s.capabilities, c) }

// GetClientCapabilities returns what the client can do.
func (s *stdioSession) GetClientCapabilities() mcp.ClientCapabilities { return get(s, &s.capabilities) }

// SetProtocolVersion keeps the version that initialize has settled on.
func (s *stdioSession) SetProtocolVersion(version string) { set(s, &s.version, version) }

// ProtocolVersion returns the version that initialize has settled on, "" before.
func (s *stdioSession) ProtocolVersion() string { return get(s, &s.version) }

func set[T any](s *stdioSession, field *T, value T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*field = value
}

func get[T any](s *stdioSession, field *T) T {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return *field
}
