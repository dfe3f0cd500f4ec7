package tasks

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/tasks/journal"
)

// sameRequestWithin is how long the same arguments without a key find an earlier
// order that was never delivered.
const sameRequestWithin = 15 * time.Minute

// Generate orders pictures and returns as soon as the order is in the journal;
// the ticket waits for them. The same order again finds the first one where
// that is safe (see Order.IdempotencyKey, and Task.Deduplicated). An error means
// that nothing was ordered and nothing can be billed; its text is for the caller.
func (s *Service) Generate(ctx context.Context, o Order) (*Ticket, error) {
	select {
	case <-s.stopped:
		return nil, ErrClosed
	default:
	}
	request := o.Request.Resolve()
	if err := s.check(request); err != nil {
		return nil, err
	}
	intent, err := s.intent(o, request)
	if err != nil {
		return nil, err
	}
	// What was bought already needs no room again.
	noRoom := s.makeRoom(ctx, int64(request.N)*bytesPerPicture)
	intent.OnlyRepeat = noRoom != nil
	s.leaveLate(ctx)
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("the call was taken back before anything was ordered: %w", err)
	}
	// From here on the caller's leaving must not undo what is being written.
	row, found, err := s.cfg.Journal.Order(context.WithoutCancel(ctx), intent)
	if noRoom != nil && errors.Is(err, journal.ErrNotFound) {
		return nil, noRoom
	}
	if err != nil {
		return nil, s.refusal(err)
	}
	if !found {
		s.log.Info("ordered", "task", row.ID, "owner", row.Owner, "model", row.Model, "images", row.N)
		s.changed(row)
	}
	return s.ticket(row, found), nil
}

// check refuses what is not worth an entry in the journal.
func (s *Service) check(request dashscope.ImageRequest) error {
	violations := request.Validate(s.cfg.Client.Region)
	if len(violations) > 0 {
		return &dashscope.ValidationError{Violations: violations}
	}
	if s.cfg.Models != nil && !slices.Contains(s.cfg.Models, request.Model) {
		return fmt.Errorf("model %s is switched off on this server; enabled: %s", request.Model, strings.Join(s.cfg.Models, ", "))
	}
	if request.N > s.cfg.MaxImagesPerCall {
		return fmt.Errorf("n is %d; this server makes at most %d a call (--max-images-per-call)", request.N, s.cfg.MaxImagesPerCall)
	}
	return s.cfg.Client.Ready()
}

func (s *Service) intent(o Order, request dashscope.ImageRequest) (journal.Intent, error) {
	model, _ := dashscope.LookupModel(request.Model)
	asked, err := encode(request)
	if err != nil {
		return journal.Intent{}, err
	}
	print := sha256.Sum256(asked) // before a seed is chosen
	seedChosen := request.Seed == nil
	if seedChosen {
		request.Seed = newSeed()
	}
	whole, err := encode(request)
	if err != nil {
		return journal.Intent{}, err
	}
	now := time.Now()
	offer, _ := model.Offer(s.cfg.Client.Region)
	return journal.Intent{
		Task: journal.Task{
			ID: newID(), Upstream: s.cfg.Upstream, Owner: o.Caller.Owner, Session: o.Caller.Session,
			Key: o.IdempotencyKey, Fingerprint: hex.EncodeToString(print[:]),
			Model: request.Model, N: request.N, Request: whole, SeedChosen: seedChosen,
			Sync:  s.cfg.Sync && offer.Sync,
			State: string(Queued), Open: true,
			Holder: s.self.id, Fence: 1, LeaseUntil: now.Add(leaseTime),
			Created: now, Billed: -1, Price: int64(offer.Price), Counted: request.N,
		},
		Process: s.self.id, Alive: s.self.alive,
		Adoptable: now.Add(-sameRequestWithin),
		Budget:    s.cfg.BudgetImagesPerDay, Day: midnight(now),
	}, nil
}

// refusal words the journal's reasons for the caller.
func (s *Service) refusal(err error) error {
	over, isOver := errors.AsType[*journal.OverBudgetError](err)
	switch {
	case isOver:
		return fmt.Errorf("%w: %w; nothing was ordered. The count starts again at %s; --budget-images-per-day sets the limit",
			ErrBudget, over, nextMidnight(time.Now()).Format("2006-01-02 15:04 MST"))
	case errors.Is(err, journal.ErrKeyReused):
		return fmt.Errorf("%w: repeat a call with the same value and the same arguments, or leave idempotency_key out (or choose a new one) to order something else", ErrKeyReused)
	}
	return fmt.Errorf("the order could not be written down, so nothing was sent or bought: %w", err)
}

// newID is 128 random bits as 26 characters of a to z and 2 to 7.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]))
}

func newSeed() *int64 {
	n, err := rand.Int(rand.Reader, big.NewInt(dashscope.MaxSeed+1))
	if err != nil {
		return new(int64)
	}
	seed := n.Int64()
	return &seed
}
