package server

import (
	"encoding/json"
	"io"

	"github.com/mark3labs/mcp-go/mcp"
)

// answer is a message for the client, and where to tell that it was written.
type answer struct {
	message mcp.JSONRPCMessage
	done    chan<- error
}

// send writes a message and returns when it is written. It gives up when the
// connection ends.
func (c *stdioConn) send(message mcp.JSONRPCMessage) error { return c.written(c.enqueue(message)) }

// enqueue returns when no message that comes later can overtake this one.
func (c *stdioConn) enqueue(message mcp.JSONRPCMessage) (done <-chan error) {
	written := make(chan error, 1)
	select {
	case c.answers <- answer{message, written}:
	case <-c.closed:
	}
	return written
}

func (c *stdioConn) written(done <-chan error) error {
	select {
	case err := <-done:
		return err
	case <-c.closed:
		return errGone
	}
}

// write is the only one who writes to the client. What a handler has notified
// goes out before its answer: mcp-go keeps the two apart, and a client forgets a
// request, its progress too, once it is answered.
func (c *stdioConn) write(out io.Writer) {
	for {
		select {
		case n := <-c.session.notifications:
			_ = c.writeLine(out, n) // c.broken hears of it
		case a := <-c.answers:
			c.writeNotifications(out)
			a.done <- c.writeLine(out, a.message)
		case <-c.closed:
			return
		}
	}
}

func (c *stdioConn) writeNotifications(out io.Writer) {
	for {
		select {
		case n := <-c.session.notifications:
			_ = c.writeLine(out, n) // c.broken hears of it
		default:
			return
		}
	}
}

// writeLine writes one message on one line. After the first failure nothing more
// can be written that a client could make sense of.
func (c *stdioConn) writeLine(out io.Writer, message any) error {
	line, marshalErr := json.Marshal(message)
	if marshalErr != nil {
		c.log.Error("an answer cannot be written as JSON", "error", marshalErr)
		r, isResponse := message.(mcp.JSONRPCResponse)
		if !isResponse {
			return marshalErr
		}
		line, _ = json.Marshal(mcp.JSONRPCError{
			JSONRPC: mcp.JSONRPC_VERSION, ID: r.ID,
			Error: mcp.NewJSONRPCErrorDetails(mcp.INTERNAL_ERROR, "the answer cannot be written as JSON", nil),
		})
	}
	if _, err := out.Write(append(line, '\n')); err != nil {
		select {
		case c.broken <- err:
		default:
		}
		return err
	}
	return marshalErr
}
