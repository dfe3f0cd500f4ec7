package tasks

import (
	"context"
	"errors"
	"log/slog"
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
	ErrBudget        = errors.New("the budget of pictures is spent")
	ErrClosed        = errors.New("the server is stopping")
)

// Config says what a Service works with.
type Config struct {
	Client             *dashscope.Client
	Journal            *journal.Journal
	Store              *store.Folder
	Upstream           string // base URL and account: tasks of another upstream are not touched
	Simulated          bool
	Sync               bool          // use the synchronous endpoint where the model has one
	OutputDir          string        // readable copies go here, "" for none
	Models             []string      // enabled models, nil means all
	MaxImagesPerCall   int           // 0 means 4
	BudgetImagesPerDay int           // 0 means no limit
	UnknownGrace       time.Duration // 0 means 60 s
	Logger             *slog.Logger  // nil means none
}

// Service does the paid work.
type Service struct{ cfg Config }

// New makes a Service; it does nothing until Run.
func New(cfg Config) (*Service, error) { return &Service{cfg: cfg}, nil }

// Run takes over what is open and works until ctx ends.
func (s *Service) Run(ctx context.Context) error { <-ctx.Done(); return nil }

// Generate orders pictures.
func (s *Service) Generate(ctx context.Context, o Order) (*Ticket, error) { return nil, ErrClosed }

// Attend joins a task.
func (s *Service) Attend(ctx context.Context, c Caller, id string) (*Ticket, error) {
	return nil, ErrNoSuchTask
}

// Ticket is one live request that waits on a task.
type Ticket struct{}

// Wait waits.
func (t *Ticket) Wait(ctx context.Context, d time.Duration, progress func(Task)) (Task, error) {
	return Task{}, ErrClosed
}

// Task is the snapshot.
func (t *Ticket) Task() Task { return Task{} }

// Done ends the request.
func (t *Ticket) Done(delivered bool) {}

// Recent lists the newest tasks.
func (s *Service) Recent(ctx context.Context, c Caller, limit int) ([]Task, error) { return nil, nil }

// Get reads a task.
func (s *Service) Get(ctx context.Context, c Caller, id string) (Task, error) {
	return Task{}, ErrNoSuchTask
}

// Cancel cancels.
func (s *Service) Cancel(ctx context.Context, c Caller, id string) (Task, error) {
	return Task{}, ErrNoSuchTask
}

// Bytes reads a picture.
func (s *Service) Bytes(ctx context.Context, c Caller, id string, n int) (Picture, []byte, error) {
	return Picture{}, nil, ErrNoSuchPicture
}

// Preview makes a preview.
func (s *Service) Preview(ctx context.Context, c Caller, id string, n int, size store.PreviewSize) ([]byte, error) {
	return nil, ErrNoSuchPicture
}

// Subscribe listens.
func (s *Service) Subscribe(fn func(Task)) (stop func()) { return func() {} }

// Budget tells.
func (s *Service) Budget(ctx context.Context, c Caller) (Budget, error) { return Budget{}, nil }
