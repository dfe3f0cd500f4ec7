package server_test

import (
	"encoding/json"
	"testing"

	"wan-image-mcp/server"
)

// A message that gets through means the same to everyone who reads it: to
// encoding/json, which mcp-go uses and which does not mind the case of a key, and
// to a reader that takes keys as they are written.
func FuzzEnvelope(f *testing.F) {
	for _, seed := range []string{
		initialize, initialized, call("1", "list_models", `{"a":{"b":[1,"2",null,true]}}`), modernCall(`"x"`, "slow", "{}"), cancelled("7"),
		`{"jsonrpc":"2.0","id":1,"result":{}}`, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","Name":"b"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"ping","METHOD":"tools/call"}`, `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":{},"_Meta":{}}}`,
		`[]`, `null`, `{}`, ``, "\x00", `{"jsonrpc":"2.0","id":1e400,"method":"ping"}`, `{"jsonrpc":"2.0","id":1,"method":"p\u0069ng"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		e, err := server.ParseEnvelope(message)
		if err != nil {
			return
		}
		type params struct {
			Name string          `json:"name"`
			URI  string          `json:"uri"`
			Meta json.RawMessage `json:"_meta"`
		}
		var lax struct {
			ID     json.RawMessage `json:"id"`
			Method string          `json:"method"`
			Params json.RawMessage `json:"params"`
		}
		var strict map[string]json.RawMessage
		if err := json.Unmarshal(message, &lax); err != nil {
			t.Fatalf("mcp-go cannot read %q: %v", message, err)
		}
		if err := json.Unmarshal(message, &strict); err != nil {
			t.Fatalf("%q: %v", message, err)
		}
		var method string
		_ = json.Unmarshal(strict["method"], &method)
		if e.Method() != method || lax.Method != method || e.ID() != string(strict["id"]) || string(lax.ID) != string(strict["id"]) {
			t.Errorf("%q: method %q or id %s are read in two ways", message, e.Method(), e.ID())
		}
		var laxParams params
		var strictParams map[string]json.RawMessage
		if json.Unmarshal(lax.Params, &laxParams) != nil || json.Unmarshal(strict["params"], &strictParams) != nil {
			return // mcp-go refuses it, or there are none
		}
		var name, uri string
		_, _ = json.Unmarshal(strictParams["name"], &name), json.Unmarshal(strictParams["uri"], &uri)
		if laxParams.Name != name || laxParams.URI != uri || string(laxParams.Meta) != string(strictParams["_meta"]) {
			t.Errorf("%q: params are read in two ways: %+v", message, laxParams)
		}
	})
}
