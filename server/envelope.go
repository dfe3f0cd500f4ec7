package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mark3labs/mcp-go/mcp"
)

const (
	maxDepth  = 64  // nesting of one message
	maxMethod = 128 // bytes of a method's name
	maxID     = 256 // bytes of a request id
)

// envelope is what this package must know of a JSON-RPC message before mcp-go
// sees it.
type envelope struct {
	method  string          // "" for an answer
	id      json.RawMessage // exactly as sent; nil for a notification
	target  json.RawMessage // params.requestId of notifications/cancelled
	version string          // the protocol version that params._meta declares
	tool    string          // params.name of tools/call
}

func (e envelope) isCancel() bool {
	return e.id == nil && e.method == string(mcp.MethodNotificationCancelled)
}

func (e envelope) isModern() bool { return mcp.IsModernProtocol(e.version) }

// envelopeError is a message that is no message. mcp-go must not see it.
type envelopeError struct {
	code int
	id   json.RawMessage // nil when it could not be told
	text string
}

func (e *envelopeError) Error() string { return e.text }

func (e *envelopeError) response() mcp.JSONRPCError { return failure(e.id, e.code, e.text) }

// failure is a JSON-RPC error answer with the id exactly as the client sent it.
func failure(id json.RawMessage, code int, text string) mcp.JSONRPCError {
	var value any
	if id != nil {
		value = id
	}
	return mcp.JSONRPCError{
		JSONRPC: mcp.JSONRPC_VERSION,
		ID:      mcp.NewRequestId(value),
		Error:   mcp.NewJSONRPCErrorDetails(code, text, nil),
	}
}

// parseEnvelope reads one message strictly. encoding/json, which mcp-go uses,
// takes METHOD for method and the last of two equal keys, so that a proxy that
// checks a message and the server that serves it may read two different things.
// Such a message is refused, and so is one that nests without end.
func parseEnvelope(message []byte) (envelope, error) {
	if !utf8.Valid(message) {
		return envelope{}, &envelopeError{code: mcp.PARSE_ERROR, text: "Parse error: the message is not UTF-8"}
	}
	if start := bytes.TrimLeft(message, " \t\r\n"); len(start) > 0 && start[0] == '[' {
		return envelope{}, &envelopeError{code: mcp.INVALID_REQUEST, text: "Batches are not supported: send one message at a time"}
	}
	if err := checkKeys(message); err != nil {
		return envelope{}, err
	}
	var m struct {
		JSONRPC json.RawMessage `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Method  json.RawMessage `json:"method"`
		Params  json.RawMessage `json:"params"`
		Result  json.RawMessage `json:"result"`
		Error   json.RawMessage `json:"error"`
	}
	if err := json.Unmarshal(message, &m); err != nil {
		return envelope{}, &envelopeError{code: mcp.INVALID_REQUEST, text: "Invalid request: a message is a JSON object"}
	}
	var e envelope
	if m.ID != nil {
		if !isID(m.ID) {
			return envelope{}, &envelopeError{code: mcp.INVALID_REQUEST, text: "Invalid request: id must be a string or a number"}
		}
		e.id = m.ID
	}
	refuse := func(text string) (envelope, error) {
		return envelope{}, &envelopeError{code: mcp.INVALID_REQUEST, id: e.id, text: "Invalid request: " + text}
	}
	if string(m.JSONRPC) != `"2.0"` {
		return refuse(`jsonrpc must be "2.0"`)
	}
	if m.Method == nil {
		if m.ID == nil || (m.Result == nil && m.Error == nil) {
			return refuse("method is missing")
		}
		return e, nil
	}
	if json.Unmarshal(m.Method, &e.method) != nil || e.method == "" || len(e.method) > maxMethod {
		return refuse(fmt.Sprintf("method must be a string of 1 to %d bytes", maxMethod))
	}
	var params struct {
		Name   json.RawMessage            `json:"name"`
		Target json.RawMessage            `json:"requestId"`
		Meta   map[string]json.RawMessage `json:"_meta"`
	}
	if m.Params != nil && json.Unmarshal(m.Params, &params) != nil {
		return refuse("params and params._meta must be objects")
	}
	if name := notString(m.Params); name != "" && e.id != nil {
		return envelope{}, &envelopeError{code: mcp.INVALID_PARAMS, id: e.id, text: "Invalid params: " + name + " must be a string"}
	}
	e.target = params.Target
	if e.method == string(mcp.MethodToolsCall) {
		_ = json.Unmarshal(params.Name, &e.tool) // a name of another type was refused, or is of no tool
	}
	// A version of another type is no version, for mcp-go too.
	_ = json.Unmarshal(params.Meta[mcp.MetaKeyProtocolVersion], &e.version)
	return e, nil
}

// stringParams are strings in every method that has them.
var stringParams = []string{"name", "uri", "cursor", "level", "protocolVersion", "requestState"}

// notString names a parameter that should be a string and is not: mcp-go would tell
// of it in words about its own types.
func notString(params json.RawMessage) string {
	var all map[string]json.RawMessage
	_ = json.Unmarshal(params, &all) // an object, or missing
	for _, name := range stringParams {
		if value := all[name]; len(value) > 0 && value[0] != '"' && string(value) != "null" {
			return name
		}
	}
	return ""
}

// isID reports whether raw, which is valid JSON, is a string or a number that
// fits a float64, as mcp-go reads it.
func isID(raw json.RawMessage) bool {
	if len(raw) > maxID {
		return false
	}
	if raw[0] == '"' {
		return true
	}
	_, err := strconv.ParseFloat(string(raw), 64)
	return err == nil
}

// The names that mcp-go looks for on the two outer levels. Anything that only
// differs from them in case would be taken for them.
var (
	envelopeKeys = []string{"jsonrpc", "id", "method", "params", "result", "error"}
	paramKeys    = []string{
		"_meta", "name", "arguments", "uri", "cursor", "ref", "argument", "context", "level", "task", "requestId",
		"protocolVersion", "capabilities", "clientInfo", "notifications", "inputResponses", "requestState",
	}
)

// checkKeys walks through all of message: it must be one JSON value, nest at most
// maxDepth deep, and have no key twice in an object. The names of the envelope
// and of its params must be spelt exactly.
func checkKeys(message []byte) error {
	dec := json.NewDecoder(bytes.NewReader(message))
	dec.UseNumber()
	err := checkValue(dec, 0, false)
	if err == nil {
		if _, err = dec.Token(); errors.Is(err, io.EOF) {
			return nil
		}
		err = errors.New("something follows the message")
	}
	if bad := (*envelopeError)(nil); errors.As(err, &bad) {
		return bad
	}
	return &envelopeError{code: mcp.PARSE_ERROR, text: "Parse error: the message is not valid JSON"}
}

// checkValue reads one value. inParams says that it is the value of params.
func checkValue(dec *json.Decoder, depth int, inParams bool) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	open, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	if depth++; depth > maxDepth {
		return &envelopeError{code: mcp.INVALID_REQUEST, text: fmt.Sprintf("Invalid request: nested more than %d deep", maxDepth)}
	}
	seen := make(map[string]bool)
	for dec.More() {
		key := ""
		if open == '{' {
			if token, err = dec.Token(); err != nil {
				return err
			}
			key, _ = token.(string) // the decoder admits nothing else here
			if err := checkKey(key, seen, depth, inParams); err != nil {
				return err
			}
		}
		if err := checkValue(dec, depth, depth == 1 && key == "params"); err != nil {
			return err
		}
	}
	_, err = dec.Token() // the closing bracket
	return err
}

func checkKey(key string, seen map[string]bool, depth int, inParams bool) error {
	if seen[key] {
		return &envelopeError{code: mcp.INVALID_REQUEST, text: fmt.Sprintf("Invalid request: key %.40q appears twice", key)}
	}
	seen[key] = true
	var names []string
	switch {
	case depth == 1:
		names = envelopeKeys
	case inParams:
		names = paramKeys
	}
	for _, name := range names {
		if key != name && strings.EqualFold(key, name) {
			return &envelopeError{code: mcp.INVALID_REQUEST, text: fmt.Sprintf("Invalid request: key %.40q must be written %q", key, name)}
		}
	}
	return nil
}
