package tasks_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/tasks"
)

// limited is a model with the service's limits on it.
type limited struct {
	model, size string
	perSecond   float64
	running     int
	service     service
}

var limits = []limited{
	{"wan2.6-t2i", "1280*1280", 1, 5, services[0]},
	{"wan2.2-t2i-flash", "512*512", 2, 2, services[1]},
	{"wan2.5-t2i-preview", "1280*1280", 5, 5, services[0]},
}

// crowd are sessions that order at once: the busy one first.
type crowd struct{ sessions, busy, each int }

func (c crowd) jobs() int { return c.busy + (c.sessions-1)*c.each }

// names has the session of each job in the order of their arrival.
func (c crowd) names() (names []string) {
	for range c.busy {
		names = append(names, "busy")
	}
	for range c.each {
		for i := range c.sessions - 1 {
			names = append(names, fmt.Sprint("light", i))
		}
	}
	return names
}

// queued is what serving a crowd came to.
type queued struct {
	ran      bool    // it was not left out by -run
	share    float64 // of the time that slots could have been busy while work waited
	givenUp  float64 // share of the jobs
	refused  float64 // 429 a job
	learning int     // 429 by which the program found out that the excess is refused
	polls    float64 // a job
	jain     float64 // over the jobs taken while all sessions had some in line
	lightP95 float64 // seconds from the order to the end
}

// figureQueue serves twenty sessions' orders, most of them one session's, through
// the limits of three models.
func figureQueue(t *testing.T) {
	people, counts, all := crowd{6, 20, 4}, []int{2}, limits[2:]
	if *figures {
		people, counts, all = crowd{20, 186, 6}, []int{1, 2, 4}, limits
	}
	row := table(t, "queue (simulated)\texcess is\tclient\t% of the bound\t% given up\t429 a job\t429 to learn\tqueries a job\tJain\tlight p95 s\tx first come")
	for i, m := range all {
		for _, excess := range []string{"queue", "refuse"} {
			name := fmt.Sprintf("%g a second, %d at once", m.perSecond, m.running)
			run := func(client string, serve func(*figureWorld, limited, crowd) map[string]time.Duration) (got queued) {
				t.Run(name+" "+excess+" "+client, func(t *testing.T) {
					inFigure(t, drawn(m.service, uint64(i)), func(f *figureWorld) {
						f.admin("excess", `{"excess":"`+excess+`"}`)
						start := time.Now()
						lasted := serve(f, m, people)
						got = f.judge(m, people, start, lasted, strings.HasPrefix(client, "ours"))
					})
				})
				return got
			}
			print := func(client string, got, fifo queued) {
				if !got.ran {
					return
				}
				row("%s\t%sd\t%s\t%.1f\t%.0f\t%.2f\t%d\t%.1f\t%.3f\t%.0f\t%.2f", name, excess, client, 100*got.share, 100*got.givenUp,
					got.refused, got.learning, got.polls, got.jain, got.lightP95, got.lightP95/fifo.lightP95)
			}
			fifo := run("ours, first come, first served", oursInOneLine)
			for _, n := range counts {
				client := "ours, " + processes(n)
				got := run(client, ours(n))
				print(client, got, fifo)
				checkQueue(t, name+" "+excess+" "+client, m, excess, got, fifo)
			}
			if *figures {
				print("ours, first come, first served", fifo, fifo)
				print("5 tries, backoff 1 s x2", run("naive", naive), fifo)
				print("semaphore, look each 5 s", run("semaphore", semaphore), fifo)
			}
		}
	}
}

func processes(n int) string {
	if n == 1 {
		return "1 process"
	}
	return fmt.Sprintf("%d processes", n)
}

func checkQueue(t *testing.T, name string, m limited, excess string, got, fifo queued) {
	t.Helper()
	if !got.ran {
		return
	}
	least := 0.99
	if excess == "refuse" {
		least = 0.96
	}
	if m.perSecond == 1 && excess == "refuse" {
		least = 0 // a slot that is free waits for the next second: no goal
	}
	if !*figures {
		least -= 0.06 // the beginning counts for more
	}
	if got.share < least {
		t.Errorf("%s: %.1f %% of the bound; the goal is %.0f", name, 100*got.share, 100*least)
	}
	if got.refused != 0 || got.givenUp != 0 || got.learning > 1 {
		t.Errorf("%s: %.3f refusals a job and %d to learn, %.2f given up; the goals are 0, 1 and 0", name, got.refused, got.learning, got.givenUp)
	}
	if got.jain < 0.9 {
		t.Errorf("%s: Jain's fairness %.3f; the goal is 0.9", name, got.jain)
	}
	if *figures && fifo.ran && got.lightP95 > 0.45*fifo.lightP95 {
		t.Errorf("%s: light sessions' p95 is %.2f of first come, first served; the goal is 0.45", name, got.lightP95/fifo.lightP95)
	}
}

// judge reads from the service's own records what a client made of it.
func (f *figureWorld) judge(m limited, people crowd, start time.Time, lasted map[string]time.Duration, learns bool) (got queued) {
	f.Helper()
	got.ran = true
	jobs := float64(people.jobs())
	stats := f.sim.Stats()
	got.polls = float64(stats.Queries+stats.Lists) / jobs
	got.givenUp = 1 - float64(len(lasted))/jobs
	if learns {
		for _, e := range f.sim.Log() {
			if e.Code == "Throttling.Concurrency" {
				got.learning = 1
			}
		}
	}
	got.refused = float64(stats.Throttled-got.learning) / jobs
	rows := f.taken()
	got.share = busyShare(rows, m.running, start)
	got.jain = f.jain(people)
	var light []float64
	for job, took := range lasted {
		if !strings.HasPrefix(job, "busy") {
			light = append(light, took.Seconds())
		}
	}
	_, got.lightP95 = meanAndP95(light)
	return got
}

// taken are all tasks that the service ever took.
func (f *figureWorld) taken() (rows []dashscope.TaskRow) {
	f.Helper()
	client := &dashscope.Client{APIKey: "sk-canary", BaseURL: "http://127.0.0.1:8080/api/v1", Transport: f.sim}
	for page := 1; ; page++ {
		answer, err := client.Tasks(f.Context(), dashscope.TaskFilter{Page: page, PageSize: 100})
		if err != nil {
			f.Fatal(err)
		}
		rows = append(rows, answer.Tasks...)
		if page >= answer.TotalPages {
			return rows
		}
	}
}

// busyShare is how much of the slots' time was used from the start until the last
// task began: up to then work was waiting.
func busyShare(rows []dashscope.TaskRow, slots int, start time.Time) float64 {
	last := slices.MaxFunc(rows, func(a, b dashscope.TaskRow) int { return a.Started.Compare(b.Started) }).Started
	var busy time.Duration
	for _, r := range rows {
		end := r.Ended
		if end.After(last) {
			end = last
		}
		busy += end.Sub(r.Started)
	}
	return busy.Seconds() / (float64(slots) * last.Sub(start).Seconds())
}

// jain is the fairness of what the service took while each session had something
// in line: one for equal shares.
func (f *figureWorld) jain(people crowd) float64 {
	left, count := map[string]int{}, map[string]float64{}
	for _, name := range people.names() {
		left[name]++
	}
	for _, e := range f.sim.Log() {
		if !e.Accepted {
			continue
		}
		name, _, _ := strings.Cut(e.Prompt, " ")
		count[name]++
		if left[name]--; left[name] == 0 {
			break
		}
	}
	var sum, squares float64
	for _, c := range count {
		sum, squares = sum+c, squares+c*c
	}
	return sum * sum / (float64(people.sessions) * squares)
}

// ours serves a crowd with the production code, in several processes.
func ours(processes int) func(*figureWorld, limited, crowd) map[string]time.Duration {
	return func(f *figureWorld, m limited, people crowd) map[string]time.Duration {
		return f.serveCrowd(m, people, processes, func(name string) string { return name })
	}
}

// oursInOneLine has all jobs come from one session: first come, first served.
func oursInOneLine(f *figureWorld, m limited, people crowd) map[string]time.Duration {
	return f.serveCrowd(m, people, 1, func(string) string { return "everybody" })
}

func (f *figureWorld) serveCrowd(m limited, people crowd, processes int, session func(name string) string) map[string]time.Duration {
	var mu sync.Mutex
	var all sync.WaitGroup
	lasted, ended := map[string]time.Duration{}, map[string]bool{}
	var lives []*life
	for range processes {
		l := f.serve()
		defer l.end()
		l.Subscribe(func(task tasks.Task) {
			mu.Lock()
			defer mu.Unlock()
			job := task.Request.Prompt
			if ended[job] || !task.State.Terminal() {
				return
			}
			ended[job] = true
			if task.State == tasks.Succeeded {
				lasted[job] = time.Since(task.Created)
			} else {
				f.Errorf("%s ended %s: %s", job, task.State, task.Reason)
			}
			all.Done()
		})
		lives = append(lives, l)
	}
	place := map[string]int{}
	for i, name := range people.names() {
		if _, met := place[name]; !met {
			place[name] = len(place) % processes
		}
		all.Add(1)
		_, err := lives[place[name]].Generate(f.Context(), tasks.Order{
			Caller:  tasks.Caller{Owner: "me", Session: session(name)},
			Request: dashscope.ImageRequest{Model: m.model, Prompt: fmt.Sprint(name, " ", i), N: 1, Size: m.size},
		})
		if err != nil {
			f.Fatal(err)
		}
	}
	all.Wait()
	return lasted
}

// post orders one picture as any program would.
func (c plainClient) post(t testing.TB, m limited, prompt string) answer {
	t.Helper()
	path, input := "/services/aigc/text2image/image-synthesis", map[string]any{"prompt": prompt}
	if m.model == dashscope.DefaultModel {
		path = "/services/aigc/image-generation/generation"
		input = map[string]any{"messages": []any{map[string]any{"role": "user", "content": []any{map[string]any{"text": prompt}}}}}
	}
	body, err := json.Marshal(map[string]any{"model": m.model, "input": input, "parameters": map[string]any{"size": m.size, "n": 1}})
	if err != nil {
		t.Fatal(err)
	}
	return c.do(t, http.MethodPost, path, string(body))
}

// eachJob starts the jobs of a crowd in their order, each after its turn, and
// collects how long they lasted from the beginning.
func eachJob(people crowd, turn func(), run func(job string) bool) map[string]time.Duration {
	var mu sync.Mutex
	var all sync.WaitGroup
	lasted, start := map[string]time.Duration{}, time.Now()
	for i, name := range people.names() {
		turn()
		job := fmt.Sprint(name, " ", i)
		all.Go(func() {
			if run(job) {
				mu.Lock()
				defer mu.Unlock()
				lasted[job] = time.Since(start)
			}
		})
	}
	all.Wait()
	return lasted
}

// naive sends everything at once and tries five times.
func naive(f *figureWorld, m limited, people crowd) map[string]time.Duration {
	client := plainClient{f.net}
	return eachJob(people, func() {}, func(job string) bool {
		for try := range 5 {
			if try > 0 {
				time.Sleep(time.Second << (try - 1))
			}
			if a := client.post(f.T, m, job); a.status == http.StatusOK {
				client.follow(f.T, a.Output.TaskID, sdk, func() {})
				return true
			}
		}
		return false
	})
}

// semaphore keeps to the limits, first come, first served, and looks each five
// seconds.
func semaphore(f *figureWorld, m limited, people crowd) map[string]time.Duration {
	client := plainClient{f.net}
	pace := rate.NewLimiter(rate.Limit(0.8*m.perSecond), 1)
	slots := make(chan struct{}, m.running)
	turn := func() {
		slots <- struct{}{}
		_ = pace.Wait(f.Context()) // the test's own end
	}
	return eachJob(people, turn, func(job string) bool {
		defer func() { <-slots }()
		a := client.post(f.T, m, job)
		if a.status == http.StatusOK {
			client.follow(f.T, a.Output.TaskID, fixed(5), func() {})
		}
		return a.status == http.StatusOK
	})
}
