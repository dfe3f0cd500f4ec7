package server

import (
	"bytes"
	"encoding/json"
)

// sseWriter sees each event on its way out: mcp-go writes one at a time.
type sseWriter struct {
	*response
	stream *sseStream
}

// Write sends one event.
func (w sseWriter) Write(event []byte) (int, error) {
	n, err := w.response.Write(event)
	if err == nil {
		err = w.FlushError()
	}
	if key, ok := answerIn(event); ok {
		if r := w.stream.answered(key); r != nil {
			// What comes after a delivery may have to wait for a disk.
			w.stream.settling.Go(func() { r.settle(err == nil) })
		}
		w.stream.mu.Lock()
		w.stream.closeIfDone()
		w.stream.mu.Unlock()
	}
	return n, err
}

// answerIn returns the key of the answer that an event carries. A request of ours,
// a ping, has an id too, but then neither result nor error. These come last, and
// are not looked at: they may hold a picture.
func answerIn(event []byte) (key string, ok bool) {
	_, data, found := bytes.Cut(event, []byte("data:"))
	if !found {
		return "", false
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	if _, err := dec.Token(); err != nil {
		return "", false
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return "", false
		}
		if name == "result" || name == "error" {
			return key, key != ""
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return "", false
		}
		if name == "id" {
			key = answerKey(value)
		}
	}
	return "", false
}

// answerKey is the same for an id as it was sent and as mcp-go, which reads it
// into a float64, gives it back.
func answerKey(id json.RawMessage) string {
	var value any
	_ = json.Unmarshal(id, &value) // it was checked when it came
	key, _ := json.Marshal(value)
	return string(key)
}
