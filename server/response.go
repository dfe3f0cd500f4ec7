package server

import (
	"net/http"
	"slices"
	"sync"
	"time"
)

// A client that does not read must not keep its answer in memory for ever, and a
// slow one gets the time that a picture takes.
const (
	writeTimeout  = 30 * time.Second // for each part
	writePart     = 64 << 10
	answerTimeout = 2 * time.Minute // for one message or event
)

// response watches an answer on its way out.
type response struct {
	http.ResponseWriter
	control *http.ResponseController
	origin  string // of an allowed page, "" for none

	mu     sync.Mutex
	status int
	sent   bool // some of the body
}

func newResponse(w http.ResponseWriter, origin string) *response {
	return &response{ResponseWriter: w, control: http.NewResponseController(w), origin: origin}
}

// Unwrap gives http.ResponseController the rest.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader sends the header. Which pages may read the answer is not for the
// transports to say: mcp-go's SSE server lets any.
func (w *response) WriteHeader(status int) {
	w.mu.Lock()
	first := w.status == 0
	if first {
		w.status = status
	}
	w.mu.Unlock()
	if !first {
		return
	}
	h := w.Header()
	h.Del("Access-Control-Allow-Origin")
	h.Set("X-Accel-Buffering", "no") // a proxy must not hold events back
	h.Set("X-Content-Type-Options", "nosniff")
	if w.origin != "" {
		h.Set("Access-Control-Allow-Origin", w.origin)
		h.Set("Access-Control-Expose-Headers", "Mcp-Session-Id, WWW-Authenticate")
		h.Set("Vary", "Origin")
	}
	w.ResponseWriter.WriteHeader(status)
}

// allow gives the client so much time to take what is written next. A recorder
// has no deadlines.
func (w *response) allow(d time.Duration) { _ = w.control.SetWriteDeadline(time.Now().Add(d)) }

// Write sends part of the body.
func (w *response) Write(p []byte) (int, error) {
	if w.code() == 0 {
		w.WriteHeader(http.StatusOK)
	}
	w.mu.Lock()
	w.sent = true
	w.mu.Unlock()
	last := time.Now().Add(answerTimeout)
	sent := 0
	for part := range slices.Chunk(p, writePart) {
		w.allow(min(writeTimeout, time.Until(last)))
		n, err := w.ResponseWriter.Write(part)
		sent += n
		if err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// Flush sends what was written so far.
func (w *response) Flush() { _ = w.FlushError() }

// FlushError is Flush that tells whether it, and all that was written before,
// has gone.
func (w *response) FlushError() error {
	w.allow(writeTimeout)
	return w.control.Flush()
}

func (w *response) code() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.status
}

// whole reports whether a body was written and taken to its end.
func (w *response) whole() bool {
	err := w.FlushError()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sent && err == nil
}
