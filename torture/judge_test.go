package torture_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"image/png"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the journal, read as it lies there

	"wan-image-mcp/dashscope"
	"wan-image-mcp/dashscope/simulator"
)

// row is an order as the journal has it. It is read only to find orders of which
// the client was never told; what is said of them is asked of the program.
type row struct {
	id, marker, state, upstreamID, reason string
	n, counted                            int
}

func (m *machine) journal(where string) (rows []row) {
	m.t.Helper()
	path := (&url.URL{Path: filepath.ToSlash(filepath.Join(m.state, "journal.db"))}).EscapedPath()
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro&_pragma=busy_timeout(10000)")
	if err != nil {
		m.t.Fatal(err)
	}
	defer db.Close()
	got, err := db.QueryContext(context.Background(), `SELECT id, request, state, COALESCE(upstream_id, ''), reason, n, counted
		FROM task WHERE is_foreign = 0 AND `+where)
	if err != nil {
		m.t.Fatal(err)
	}
	defer got.Close()
	for got.Next() {
		var r row
		var request []byte
		if err := got.Scan(&r.id, &request, &r.state, &r.upstreamID, &r.reason, &r.n, &r.counted); err != nil {
			m.t.Fatal(err)
		}
		var asked struct{ Prompt string }
		if err := json.Unmarshal(request, &asked); err != nil {
			m.t.Fatal(err)
		}
		r.marker, _, _ = strings.Cut(asked.Prompt, " ")
		rows = append(rows, r)
	}
	if got.Err() != nil {
		m.t.Fatal(got.Err())
	}
	return rows
}

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

// judgeService reads what the service thinks of its client's manners.
func (w *world) judgeService() {
	stats := w.service.stats()
	w.verdict.queries = stats.Queries + stats.Lists + stats.Cancels
	w.verdict.mostQueries = stats.MaxQueries
	w.verdict.faults += int(w.wire.broken.Load())
	if stats.Violations > 0 {
		w.wrong("the service counts %d slips that cost money or leak secrets", stats.Violations)
	}
	w.judgePace(queries, 20)
	for _, m := range dashscope.Models() {
		offer := m.Offers[dashscope.Beijing]
		w.judgePace(offer.Spelling, int(offer.SubmitsPerSecond))
	}
}

// queries is what looking, listing and canceling are noted under.
const queries = "queries"

// judgePace holds what arrived against what is published, over all processes.
func (w *world) judgePace(what string, perSecond int) {
	at := w.arrived[what]
	slices.SortFunc(at, time.Time.Compare)
	for i := perSecond; i < len(at); i++ {
		if d := at[i].Sub(at[i-perSecond]); d < second {
			w.wrong("%s: %d within %s; %d a second are published", what, perSecond+1, d, perSecond)
		}
	}
}

// second is the shortest that "per second" is taken for here: a network and a
// machine with other work bring requests closer together than they were sent, and
// net/http asks again by itself when a connection breaks.
const second = 800 * time.Millisecond

// judgeLives reads what the servers said on the way.
func (w *world) judgeLives() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.all {
		w.verdict.mostMemory = max(w.verdict.mostMemory, s.memory)
		said := s.stderr.String()
		w.verdict.adopted += strings.Count(said, "found a submission whose answer was lost")
		for _, never := range []string{key, "Signature=", "panic:", "goroutine ", "DATA RACE", "internal error of"} {
			if i := strings.Index(said, never); i >= 0 {
				w.wrong("%s says %q on stderr: ...%s...", s.name, never, said[max(0, i-300):min(len(said), i+2000)])
			}
		}
	}
	for _, c := range w.calls {
		w.verdict.calls++
		if c.answered.IsZero() {
			w.verdict.lostAnswers++
		}
		if c.answer.Deduplicated {
			w.verdict.retold++
		}
	}
}

var pictureName = regexp.MustCompile(`^([0-9a-f]{64})\.png$`)

// judgeFiles reads every file that the program wrote.
func (w *world) judgeFiles() {
	err := filepath.WalkDir(w.home, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if bytes.Contains(b, []byte(key)) {
			w.wrong("the key is in %s", path)
		}
		if bytes.Contains(b, []byte("Signature=")) && !strings.HasPrefix(entry.Name(), "journal.db") {
			w.wrong("a signed link is in %s", path)
		}
		if filepath.Base(filepath.Dir(path)) != "pictures" || strings.HasPrefix(entry.Name(), ".tmp-") {
			return nil
		}
		sum := sha256.Sum256(b)
		if name := pictureName.FindStringSubmatch(entry.Name()); name == nil || name[1] != hex.EncodeToString(sum[:]) {
			w.wrong("%s has the hash %x", path, sum)
		}
		return nil
	})
	if err != nil {
		w.wrong("%v", err)
	}
}
