package torture_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"image/png"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"wan-image-mcp/dashscope/simulator"
)

// judge holds everything against everything. The calm server still runs.
func (w *world) judge() verdict {
	s := w.running[len(w.running)-1]
	w.readLog()
	w.judgeService()
	rows := w.journal("true")
	w.verdict.lives, w.verdict.orders = w.lives, len(rows)
	byUpstream := map[string]row{}
	for _, r := range rows {
		if r.upstreamID == "" {
			w.judgeUnsent(s, r)
			continue
		}
		byUpstream[r.upstreamID] = r
	}
	paid, pictures := map[string]int{}, 0
	for _, create := range w.creates {
		told := w.service.task(create.TaskID)
		if told.Output.Status == "SUCCEEDED" {
			marker, _, _ := strings.Cut(create.Prompt, " ")
			paid[marker]++
			w.verdict.paid++
			pictures += len(told.pictures(w.t))
		}
		w.judgeCreate(s, create, told, byUpstream)
		delete(byUpstream, create.TaskID)
	}
	for id, r := range byUpstream {
		w.wrong("task %s of %s claims %s, which the service never made", r.id, r.marker, id)
	}
	for _, k := range w.wishes {
		if more := paid[k.marker] - k.owed(); more > 0 {
			w.verdict.duplicates += more
			w.wrong("%s: %d paid, and the client had asked for %d\n%s", k.marker, paid[k.marker], k.owed(), w.story(k))
		}
	}
	w.judgeBudget(s, pictures)
	s.leave(nil)
	s.gone()
	w.judgeLives()
	w.judgeFiles()
	return w.verdict
}

// judgeCreate looks for one accepted create: whose it is, and its pictures.
func (w *world) judgeCreate(s *server, create simulator.Entry, told task, byUpstream map[string]row) {
	w.verdict.accepted++
	marker, _, _ := strings.Cut(create.Prompt, " ")
	r, ok := byUpstream[create.TaskID]
	switch {
	case !ok:
		w.lose("%s was accepted as %s, %s, and no order knows it", marker, create.TaskID, told.Output.Status)
		return
	case r.marker != marker:
		w.lose("%s was accepted as %s, and %s took it", marker, create.TaskID, r.marker)
		return
	}
	a := w.askAbout(s, create.TaskID) // by the service's id, which finds the same order
	if a.TaskID != r.id {
		w.lose("%s: get_task %s tells of %q, not of %s", marker, create.TaskID, a.TaskID, r.id)
		return
	}
	if want := told.Output.Status; a.Status != want {
		w.lose("%s: task %s is %s, and the service says %s\n%s", marker, r.id, a.Status, want, a.text)
		return
	}
	paths := told.pictures(w.t)
	if told.Output.Status == "FAILED" && !saysNothingPaid.MatchString(a.text) {
		w.wrong("%s: task %s failed and does not say that nothing was billed: %s", marker, r.id, a.text)
	}
	kept := 0
	for _, i := range a.Images {
		if i.ResourceURI == "" {
			continue
		}
		if kept < len(paths) {
			w.judgePicture(s, marker, i, paths[kept])
		}
		kept++
	}
	if kept != len(paths) {
		w.lose("%s: task %s keeps %d pictures of %d\n%s", marker, r.id, kept, len(paths), a.text)
	}
}

// judgePicture holds a picture against what the service has under its link.
func (w *world) judgePicture(s *server, marker string, i image, path string) {
	mime, blob, err := s.resource(i.ResourceURI)
	if err != nil {
		w.lose("%s: %v", marker, err)
		return
	}
	var original []byte
	w.service.ask(http.MethodGet, path, nil, &original)
	if !bytes.Equal(original, blob) {
		w.lose("%s: %s is not what the service drew for it", marker, i.ResourceURI)
		return
	}
	picture, err := png.DecodeConfig(bytes.NewReader(blob))
	if err != nil || mime != "image/png" || picture.Width != i.Width || picture.Height != i.Height || len(blob) != i.Bytes {
		w.wrong("%s: %s is %s, %d by %d and %d bytes, and was told as %+v: %v",
			marker, i.ResourceURI, mime, picture.Width, picture.Height, len(blob), i, err)
	}
	sum := sha256.Sum256(blob)
	if _, err := os.Stat(filepath.Join(w.state, "pictures", hex.EncodeToString(sum[:])+".png")); err != nil {
		w.wrong("%s: %s is not under its hash: %v", marker, i.ResourceURI, err)
	}
	w.verdict.pictures++
}

var saysNothingPaid = regexp.MustCompile(`(?i)nothing (was|is) (bought|billed|paid|made|made or billed)`)

// judgeUnsent wants a plain word about an order that the service never took.
func (w *world) judgeUnsent(s *server, r row) {
	a := w.askAbout(s, r.id)
	if a.Status == "NOT_SUBMITTED" {
		w.verdict.notSubmitted++
	}
	switch a.Status {
	case "NOT_SUBMITTED", "FAILED", "CANCELED":
	default:
		w.wrong("%s: task %s was never accepted, and is %s: %s", r.marker, r.id, a.Status, a.text)
	}
	if !saysNothingPaid.MatchString(a.text) || a.hasPictures() || r.counted != 0 {
		w.wrong("%s: task %s was never accepted, counts %d pictures and says: %s", r.marker, r.id, r.counted, a.text)
	}
}

func (w *world) askAbout(s *server, id string) answer {
	m, ok := s.wait(s.tool("get_task", map[string]any{"task_id": id, "wait_seconds": 0}), time.Minute)
	if !ok {
		w.t.Fatalf("the calm server ended:\n%s", tail(s.stderr.String(), 30))
	}
	a, err := readAnswer(m)
	if err != nil {
		w.wrong("get_task %s: %v", id, err)
	}
	return a
}

func (w *world) lose(format string, args ...any) {
	w.verdict.lost++
	w.wrong("lost: "+format, args...)
}

// judgeBudget: what was drawn is what counts, today.
func (w *world) judgeBudget(s *server, pictures int) {
	_, text, err := s.resource("wan://budget")
	var told struct {
		Images int `json:"images_today"`
	}
	if err == nil {
		err = json.Unmarshal(text, &told)
	}
	if start := w.all[0].started; err != nil || (told.Images != pictures && start.Day() == time.Now().Day()) {
		w.wrong("the budget counts %d pictures, and %d were drawn: %v", told.Images, pictures, err)
	}
}
