package tasks

import (
	"context"
	"time"
)

// leaving is the end of a live request that waited on a task.
type leaving struct {
	task      string
	delivered bool
	at        time.Time
}

// leave writes the end of a request down. One that cannot be written, on a full disk
// say, is tried again: a request that counted as live for the rest of the process
// would make each repeat of it a new purchase.
func (s *Service) leave(l leaving) {
	if err := s.noteLeaving(context.Background(), l); err != nil {
		s.log.Error("the end of a request is not noted yet", "task", l.task, "error", err)
	}
}

// leaveLate writes down what leave could not.
func (s *Service) leaveLate(ctx context.Context) {
	s.mu.Lock()
	late := s.leavings
	s.leavings = nil
	s.mu.Unlock()
	for _, l := range late {
		_ = s.noteLeaving(ctx, l) // it was told when it failed first
	}
}

func (s *Service) noteLeaving(ctx context.Context, l leaving) error {
	err := s.cfg.Journal.Leave(ctx, l.task, s.self.id, l.delivered, l.at)
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.leavings = append(s.leavings, l)
	}
	return err
}

// Delivered notes that a command has handed the pictures of a task to its user.
func (s *Service) Delivered(ctx context.Context, c Caller, id string) error {
	row, err := s.find(ctx, c, id)
	if err != nil || !s.task(row).HasPictures() {
		return err
	}
	return s.cfg.Journal.Leave(ctx, row.ID, s.self.id, true, time.Now())
}

// leaveAll ends the requests of a command: its user has gone, and what is still under
// way may take some seconds.
func (s *Service) leaveAll() {
	if !s.cfg.Command {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), lastPosts)
	defer cancel()
	err := s.cfg.Journal.Sweep(ctx, func(process string) bool { return process != s.self.id && s.self.alive(process) })
	if err != nil {
		s.log.Warn("requests could not be forgotten", "error", err) // they count no more once the process has ended
	}
}
