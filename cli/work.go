package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"time"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/dashscope/simulator"
	"wan-image-mcp/resources/store"
	"wan-image-mcp/tasks"
	"wan-image-mcp/tasks/journal"
)

// work is everything that brings orders to their end: the service's client, the
// journal, the pictures, and the tasks over them.
type work struct {
	tasks   *tasks.Service
	journal string // its file
	store   *store.Folder
	owner   string
	noKey   error  // why nothing can be ordered, nil when it can
	base    string // where the real service is asked
	log     *slog.Logger
	closer  []func() error

	stop  context.CancelFunc // nil until run
	ended chan struct{}      // closed when the tasks have ended
	err   error              // why they did, once ended
}

// open opens everything; nothing is worked on until run. outputDir is for readable
// copies, "" for none; observe hears of requests to the service, nil for nobody.
func (p *program) open(ctx context.Context, s *settings, log *slog.Logger, outputDir string,
	observe func(op, outcome string, took time.Duration),
) (w *work, err error) {
	w = &work{log: log, owner: owner(p.getenv), ended: make(chan struct{})}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.closeAll())
			w = nil
		}
	}()
	if err := makeState(s.place()); err != nil {
		return w, err
	}
	up, err := w.reach(ctx, p, s)
	if err != nil {
		return w, err
	}
	up.client.Observe = observe
	w.journal = filepath.Join(s.place(), "journal.db")
	j, err := journal.Open(w.journal)
	if err != nil {
		return w, err
	}
	w.closer = append(w.closer, j.Close)
	w.store, err = store.Open(filepath.Join(s.place(), "pictures"), store.Options{
		MaxBytes: s.maxStore, AllowHosts: append(up.imageHosts, s.imageHosts...), AllowCIDRs: s.imageNets, Logger: log,
	})
	if err != nil {
		return w, fmt.Errorf("pictures: %w", err)
	}
	w.closer = append(w.closer, w.store.Close)
	w.tasks, err = tasks.New(tasks.Config{
		Client: up.client, Journal: j, Store: w.store, Upstream: up.name, Address: up.address,
		Simulated: s.simulate, Speed: s.pace(), Sync: s.sync, Command: s.waits, OutputDir: outputDir, Models: s.models,
		MaxImagesPerCall: int(s.perCall), BudgetImagesPerDay: int(s.perDay), UnknownGrace: s.grace, Logger: log,
	})
	if err != nil {
		return w, err
	}
	return w, nil
}

// run takes over what is open and works until close or the end of ctx.
func (w *work) run(ctx context.Context) {
	running, stop := context.WithCancel(ctx)
	w.stop = stop
	go func() {
		defer close(w.ended)
		if err := w.tasks.Run(running); !errors.Is(err, context.Canceled) {
			w.err = err
		}
	}()
}

// pace is how much faster than life the service works.
func (s *settings) pace() float64 {
	if s.simulate {
		return s.speed
	}
	return 1
}

// makeState makes the state folder, which holds links and prompts, for its owner only.
func makeState(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return withHint(fmt.Errorf("state folder: %w", err), "name a folder that can be written with --state-dir")
	}
	return nil
}

// upstream is the service to ask.
type upstream struct {
	client     *dashscope.Client
	name       string   // in the journal: service and account
	address    string   // what the names of all its accounts begin with
	imageHosts []string // where its pictures come from, besides the usual hosts
}

// reach starts the built-in simulator, or reads from the environment how to reach
// the real service.
func (w *work) reach(ctx context.Context, p *program, s *settings) (upstream, error) {
	if s.simulate {
		return w.simulated(ctx, s)
	}
	a, err := p.account(s)
	if err != nil {
		return upstream{}, err
	}
	w.base = a.base
	a.warn(w.log)
	if a.key == "" {
		w.noKey = errNoKey
	}
	client := &dashscope.Client{APIKey: a.key, Region: s.region, Workspace: s.workspace, BaseURL: a.base, Logger: w.log}
	up := upstream{client: client, name: a.upstream()}
	if w.noKey == nil {
		up.address = a.base + accountMark
	}
	return up, nil
}

func (w *work) simulated(ctx context.Context, s *settings) (upstream, error) {
	host, err := startSimulator(ctx, "127.0.0.1:0", simulator.Options{
		Seed: 1, Speed: s.speed, Strict: true, Dir: filepath.Join(s.place(), "service"),
		Region: string(s.region), Logger: w.log.With("room", "simulator"),
	})
	if err != nil {
		return upstream{}, err
	}
	w.closer = append(w.closer, host.close)
	client := &dashscope.Client{APIKey: simulatedKey, Region: s.region, BaseURL: host.baseURL(), Logger: w.log}
	return upstream{client: client, name: "simulator", imageHosts: []string{host.address}}, nil
}

// errNoKey is for a model that was asked for a picture, and its user. Some clients
// hand no exported variable on to a server, so the place is named.
var errNoKey = errors.New("this server has no API key, so it cannot order pictures: put " + envKey +
	" into the env block of wan-image-mcp in the MCP client's configuration (an exported variable does not reach the server in every client), " +
	"or put the path of a file with the key into " + envKeyFile + " there, and restart the server; " +
	"to try it without a key and without cost, start it with --simulate (" + envName("simulate") + "=true)")

// warn tells what will give trouble later.
func (a account) warn(log *slog.Logger) {
	if trouble := keyTrouble(a.key.Reveal()); a.key != "" && trouble != "" {
		log.Warn(trouble, "from", a.keyFrom)
	}
	if a.keyOpen != "" {
		log.Warn("other users can read the file with the API key: chmod 600 it", "file", a.keyOpen)
	}
	if a.baseFrom != "" {
		level := slog.LevelWarn
		if u, err := url.Parse(a.base); err == nil && dashscope.IsLoopback(u.Hostname()) {
			level = slog.LevelInfo // somebody develops here
		}
		log.Log(context.Background(), level, "the address of the service was changed", "base_url", a.base, "by", a.baseFrom)
	}
}

// close stops working, gives what is under way its five seconds, and lets go of
// everything.
func (w *work) close() error {
	if w.stop == nil { // the tasks let go of their files when their run ends
		ended, end := context.WithCancel(context.Background())
		end()
		w.run(ended)
	}
	w.stop()
	<-w.ended
	return errors.Join(w.err, w.closeAll())
}

func (w *work) closeAll() error {
	var errs []error
	for _, closeOne := range slices.Backward(w.closer) {
		errs = append(errs, closeOne())
	}
	return errors.Join(errs...)
}

// caller is this user, at this command line.
func (w *work) caller() tasks.Caller {
	return tasks.Caller{Owner: w.owner, Session: "command line", AdoptForeign: true}
}

// owner is whose tasks these are: the user of the operating system.
func owner(getenv func(string) string) string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	for _, name := range []string{"USER", "USERNAME", "LOGNAME"} {
		if v := getenv(name); v != "" {
			return v
		}
	}
	return "local"
}
