package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// admin serves the endpoints that no real service has; see the package
// comment. They need no key.
func (s *Simulator) admin(c *call) reply {
	path := strings.TrimRight(c.r.URL.Path, "/")
	var err error
	switch c.r.Method + " " + path {
	case "GET /admin/stats":
		return answerJSON(s.Stats())
	case "GET /admin/log":
		return s.logSince(c.r.URL.Query().Get("after"))
	case "GET /admin/faults":
		s.mu.Lock()
		defer s.mu.Unlock()
		return answerJSON(append([]Fault{}, s.faults...))
	case "DELETE /admin/faults":
		s.ClearFaults()
	case "POST /admin/faults":
		err = s.adminFaults(c.body)
	case "POST /admin/expire":
		err = s.adminExpire(c.body)
	case "POST /admin/excess":
		err = s.adminExcess(c.body)
	case "POST /admin/lag":
		err = s.adminLag(c.body)
	case "POST /admin/foreign":
		return s.adminForeign(c.body)
	default:
		return failWith("NotFound", "")
	}
	if err != nil {
		return failWith("InvalidParameter", err.Error())
	}
	return answerJSON(map[string]bool{"ok": true})
}

// decode refuses fields that it does not know: a misspelt fault would be no
// fault.
func decode(body []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

func (s *Simulator) logSince(after string) reply {
	seq, err := strconv.ParseInt(after, 10, 64)
	if after != "" && err != nil {
		return failWith("InvalidParameter", "after must be a seq of the log")
	}
	entries := []Entry{}
	for _, e := range s.Log() {
		if e.Seq > seq {
			entries = append(entries, e)
		}
	}
	return answerJSON(entries)
}

// adminFaults takes one fault or a list of them.
func (s *Simulator) adminFaults(body []byte) error {
	faults := make([]Fault, 1)
	var into any = &faults[0]
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")) {
		into = &faults
	}
	if err := decode(body, into); err != nil {
		return err
	}
	for _, f := range faults {
		if err := f.check(); err != nil {
			return err
		}
	}
	for _, f := range faults {
		if err := s.Inject(f); err != nil {
			return err
		}
	}
	return nil
}

// adminExpire ends ids (the tasks become UNKNOWN) or links (a new query gives
// new ones) before their 24 hours, of one task or of all.
func (s *Simulator) adminExpire(body []byte) error {
	var in struct {
		Links  bool   `json:"links"`
		IDs    bool   `json:"ids"`
		TaskID string `json:"task_id"`
	}
	if err := decode(body, &in); err != nil {
		return err
	}
	if !in.Links && !in.IDs {
		return fmt.Errorf("say links or ids or both")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.shelf.refresh(time.Now()); err != nil {
		return err
	}
	if in.TaskID != "" && s.shelf.tasks[in.TaskID] == nil {
		return fmt.Errorf("no task %s", in.TaskID)
	}
	for id, t := range s.shelf.tasks {
		if in.TaskID != "" && id != in.TaskID {
			continue
		}
		next := *t
		next.Expired = t.Expired || in.IDs
		if in.Links {
			next.LinkRound++
		}
		if err := s.shelf.put(&next); err != nil {
			return err
		}
	}
	return nil
}

func (s *Simulator) adminExcess(body []byte) error {
	var in struct {
		Excess string `json:"excess"`
	}
	if err := decode(body, &in); err != nil {
		return err
	}
	if in.Excess != "queue" && in.Excess != "refuse" {
		return fmt.Errorf("excess %q is neither queue nor refuse", in.Excess)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuseExcess = in.Excess == "refuse"
	return nil
}

func (s *Simulator) adminLag(body []byte) error {
	var in struct {
		ListLagMS int64 `json:"list_lag_ms"`
	}
	if err := decode(body, &in); err != nil {
		return err
	}
	if in.ListLagMS < 0 {
		return fmt.Errorf("list_lag_ms %d is below 0", in.ListLagMS)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listLag = time.Duration(in.ListLagMS) * time.Millisecond
	return nil
}

const foreignMax = 100_000

// adminForeign adds tasks of another client of the same account: they are
// listed and can be queried, and take no slot from this one.
func (s *Simulator) adminForeign(body []byte) reply {
	in := struct {
		N        int    `json:"n"`
		Model    string `json:"model"`
		Prompt   string `json:"prompt"`
		Images   int    `json:"images"`
		Size     string `json:"size"`
		SpreadMS int64  `json:"spread_ms"`
	}{N: 1, Prompt: "another client's picture", Images: 1, SpreadMS: 60_000, Model: s.region.models[0].name}
	if err := decode(body, &in); err != nil {
		return failWith("InvalidParameter", err.Error())
	}
	m, served := s.region.model(in.Model)
	if in.Size == "" {
		in.Size = m.size
	}
	w, h, ok := m.parseSize(in.Size)
	if !served || !ok || in.N < 1 || in.N > foreignMax || in.Images < 1 || in.Images > 4 || in.SpreadMS < 0 {
		return failWith("InvalidParameter", "n (1 to 100000), model, images (1 to 4), size or spread_ms is out of range")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	ids := make([]string, in.N)
	for i := range ids {
		t := &task{
			Model: m.name, Messages: m.messages, Foreign: true, Prompt: in.Prompt, Seed: int64(i), Extend: true,
			Width: w, Height: h, N: in.Images,
		}
		ago := time.Duration(in.SpreadMS) * time.Millisecond * time.Duration(i) / time.Duration(in.N)
		s.plan(t, m, nil, now.Add(-ago))
		if err := s.shelf.put(t); err != nil {
			return failWith("InternalError", err.Error())
		}
		ids[i] = t.ID
	}
	return answerJSON(map[string][]string{"task_ids": ids})
}
