package tasks

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/resources/store"
	"wan-image-mcp/tasks/journal"
)

// What a caller may have to tell apart.
var (
	ErrNoSuchTask    = errors.New("no such task")
	ErrNoSuchPicture = errors.New("no such picture")
	ErrKeyReused     = errors.New("idempotency_key was used with other arguments")
	ErrBudget        = errors.New("over the budget of pictures")
	ErrClosed        = errors.New("the server is stopping; nothing was ordered")
)

// Config says what a Service works with.
type Config struct {
	Client    *dashscope.Client
	Journal   *journal.Journal
	Store     *store.Folder
	Upstream  string // base URL and account; tasks of another upstream are not touched
	Address   string // what the upstreams of all accounts of this service begin with; "" means that there are no others
	Simulated bool
	Speed     float64 // how much faster than life the simulator works; 0 means 1
	Sync      bool    // use the synchronous endpoint where a model has one
	// Command says that the process is one command, whose user waits for what it asks
	// for until Run winds up, also between two of its requests. Only Delivered tells
	// that he was given the pictures.
	Command   bool
	OutputDir string   // readable copies go here; "" means none
	Models    []string // enabled models; nil means all

	MaxImagesPerCall   int           // 0 means 4
	BudgetImagesPerDay int           // 0 means no limit
	UnknownGrace       time.Duration // before "not submitted" may be concluded; 0 means 60 s
	Logger             *slog.Logger  // nil means none
}

func (c Config) withDefaults() Config {
	if c.MaxImagesPerCall == 0 {
		c.MaxImagesPerCall = 4
	}
	if c.Speed == 0 {
		c.Speed = 1
	}
	if c.UnknownGrace == 0 {
		c.UnknownGrace = time.Minute
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Service does the paid work of one process. Its methods may be used from many
// goroutines.
type Service struct {
	cfg  Config
	log  *slog.Logger
	self *process
	news *hub

	turn    chan struct{} // a submission may be possible
	ordered atomic.Bool   // this process has written since keepHouse looked
	stopped chan struct{} // closed when Run winds up

	posts    sync.WaitGroup  // POSTs under way
	postCtx  context.Context //nolint:containedctx // the process's own, outliving every request
	endPosts context.CancelFunc
	drivers  sync.WaitGroup

	mu      sync.Mutex
	working map[string]*driver  // by task
	hungry  map[string]bool     // models whose line waits for a slot that only an end frees
	refused map[string]refusals // by model
	// leavings are the ends of requests that could not be written down yet.
	leavings []leaving
	// listDoubted is until when the task list is not used, because it was wrong.
	listDoubted time.Time
	fetches     chan struct{} // bounds downloads

	queries *journal.Queries
	plans   plans

	reconciling sync.Mutex                   // one reconciliation at a time
	examined    map[string]*dashscope.Result // tasks of the account that ended, by the service's id
}

// New makes a Service and announces this process to the others that use the same
// journal. It does nothing until Run.
func New(cfg Config) (*Service, error) {
	cfg = cfg.withDefaults()
	queries, err := journal.OpenQueries(filepath.Join(cfg.Journal.Dir(), "queries.db"))
	if err != nil {
		return nil, err
	}
	self, err := startProcess(filepath.Join(cfg.Journal.Dir(), "processes"))
	if err != nil {
		return nil, errors.Join(err, queries.Close())
	}
	s := &Service{
		cfg: cfg, log: cfg.Logger, self: self, news: newHub(),
		turn: make(chan struct{}, 1), stopped: make(chan struct{}),
		working: map[string]*driver{}, hungry: map[string]bool{}, refused: map[string]refusals{}, queries: queries, examined: map[string]*dashscope.Result{}, fetches: make(chan struct{}, maxFetches),
	}
	s.plans.made, s.plans.current = map[string]time.Time{}, map[string]*forecast{}
	s.postCtx, s.endPosts = context.WithCancel(context.Background())
	return s, nil
}

// lastPosts is how long POSTs that are under way may take after the end.
const lastPosts = 5 * time.Second

// Run works on every open task of its upstream until ctx ends, and returns within
// about five seconds after that: no new POST starts then, those under way are
// waited for, and what is left is taken up by another process or the next start.
func (s *Service) Run(ctx context.Context) error {
	loops, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	for _, loop := range []func(context.Context){s.keepHouse, s.dispatch, s.hearOthers, s.readList, s.joinKin} {
		wg.Go(func() { loop(loops) })
	}
	<-ctx.Done()
	close(s.stopped)
	s.leaveAll()
	wg.Wait()
	late := time.AfterFunc(lastPosts, s.endPosts)
	s.posts.Wait()
	late.Stop()
	s.endPosts()
	s.drivers.Wait()
	return errors.Join(s.self.stop(), s.queries.Close())
}

const (
	// hearEvery is how often news of other processes is looked for.
	hearEvery = 500 * time.Millisecond
	// hungryEvery is the same while a slot that another process sees become free is
	// waited for: each moment in which it stays empty is lost.
	hungryEvery = 50 * time.Millisecond
)

// hearOthers tells those who wait, and those who look, when another process has
// written.
func (s *Service) hearOthers(ctx context.Context) {
	tick := time.NewTimer(hearEvery)
	defer tick.Stop()
	var heard, called int64 // versions of the journal
	var last time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		hungry := s.isHungry()
		tick.Reset(hearEvery)
		if hungry {
			tick.Reset(hungryEvery)
		}
		if !hungry && !s.news.awaited() && !s.isWorking() {
			continue
		}
		version, err := s.cfg.Journal.Changed(ctx)
		if err != nil {
			continue
		}
		if hungry && version != called {
			called = version
			s.nudgeDispatcher()
		}
		if version != heard && time.Since(last) >= hearEvery {
			heard, last = version, time.Now()
			s.news.wakeAll()
			s.recheck("")
		}
	}
}

func (s *Service) nudgeDispatcher() { signal(s.turn) }

// changed tells everyone in this process that a task has changed.
func (s *Service) changed(row journal.Task) {
	s.ordered.Store(true)
	s.news.publish(s.task(row))
	s.nudgeDispatcher()
	if State(row.State).Terminal() {
		s.recheck(row.Model)
	}
}
