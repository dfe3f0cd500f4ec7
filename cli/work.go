package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/dashscope/simulator"
	"wan-image-mcp/resources/store"
	"wan-image-mcp/tasks"
	"wan-image-mcp/tasks/journal"
)

// work is everything that brings orders to their end: the service's client, the
// journal, the pictures, and the tasks over them.
type work struct {
	tasks  *tasks.Service
	store  *store.Folder
	owner  string
	log    *slog.Logger
	closer []func() error
	ended  chan error
	stop   context.CancelFunc
}

// open opens everything; nothing is worked on until run.
func (p *program) open(ctx context.Context, s *settings, outputDir string, log *slog.Logger) (w *work, err error) {
	w = &work{log: log, owner: owner(p.getenv), ended: make(chan error, 1)}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.closeAll())
			w = nil
		}
	}()
	if err := makeState(s.place()); err != nil {
		return w, err
	}
	client, upstream, err := w.client(ctx, p, s)
	if err != nil {
		return w, err
	}
	j, err := journal.Open(filepath.Join(s.place(), "journal.db"))
	if err != nil {
		return w, err
	}
	w.closer = append(w.closer, j.Close)
	w.store, err = store.Open(filepath.Join(s.place(), "pictures"), store.Options{
		MaxBytes: s.maxStore, AllowHosts: s.imageHosts, Logger: log,
	})
	if err != nil {
		return w, fmt.Errorf("pictures: %w", err)
	}
	w.closer = append(w.closer, w.store.Close)
	w.tasks, err = tasks.New(tasks.Config{
		Client: client, Journal: j, Store: w.store, Upstream: upstream,
		Simulated: s.simulate, Sync: s.sync, OutputDir: outputDir, Models: s.models,
		MaxImagesPerCall: int(s.perCall), BudgetImagesPerDay: int(s.perDay), UnknownGrace: s.grace, Logger: log,
	})
	if err != nil {
		return w, err
	}
	return w, nil
}

// run takes over what is open and works until close, also beyond the end of ctx.
func (w *work) run(ctx context.Context) {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	w.stop = stop
	go func() { w.ended <- w.tasks.Run(running) }()
}

// makeState makes the state folder, which holds links and prompts, for its owner only.
func makeState(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return withHint(fmt.Errorf("state folder: %w", err), "name a folder that can be written with --state-dir")
	}
	return nil
}

// client is the service to ask and its name in the journal.
func (w *work) client(ctx context.Context, p *program, s *settings) (*dashscope.Client, string, error) {
	if s.simulate {
		host, err := startSimulator(ctx, "127.0.0.1:0", simulator.Options{
			Seed: 1, Speed: s.speed, Strict: true, Dir: filepath.Join(s.place(), "service"),
			Region: string(s.region), Logger: w.log.With("room", "simulator"),
		})
		if err != nil {
			return nil, "", err
		}
		w.closer = append(w.closer, host.close)
		s.imageHosts = append(s.imageHosts, host.address)
		return &dashscope.Client{APIKey: simulatedKey, Region: s.region, BaseURL: host.baseURL(), Logger: w.log}, "simulator", nil
	}
	a, err := p.account(s)
	if err != nil {
		return nil, "", err
	}
	a.warn(w.log)
	return &dashscope.Client{
		APIKey: a.key, Region: s.region, Workspace: s.workspace, BaseURL: a.base, Logger: w.log,
	}, a.upstream(), nil
}

// warn tells what will give trouble later.
func (a account) warn(log *slog.Logger) {
	switch {
	case a.key == "":
		log.Warn("no API key: the tools answer, but no picture can be made; set "+envKey+" or "+envKeyFile+
			", or use --simulate", "base_url", a.base)
	case keyTrouble(a.key.Reveal()) != "":
		log.Warn(keyTrouble(a.key.Reveal()), "from", a.keyFrom)
	}
	if a.keyOpen != "" {
		log.Warn("other users can read the file with the API key: chmod 600 it", "file", a.keyOpen)
	}
	if a.baseFrom != "" {
		log.Warn("the address of the service was changed", "base_url", a.base, "by", a.baseFrom)
	}
}

// close stops working, gives what is under way its five seconds, and lets go of
// everything.
func (w *work) close() error {
	var err error
	if w.stop != nil {
		w.stop()
		if err = <-w.ended; errors.Is(err, context.Canceled) {
			err = nil
		}
	}
	return errors.Join(err, w.closeAll())
}

func (w *work) closeAll() error {
	var errs []error
	for i := len(w.closer) - 1; i >= 0; i-- {
		errs = append(errs, w.closer[i]())
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
