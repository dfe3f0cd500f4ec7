package tasks

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"wan-image-mcp/resources/store"
	"wan-image-mcp/tasks/journal"
)

// maxFetches bounds the downloads of one process.
const maxFetches = 4

// Why a picture is not on disk. All but the last two are tried again until the link
// dies: what a host answers once may be a passing trouble on the way.
const (
	codeRetry       = "FetchFailed" // worth waiting for
	codeNotAllowed  = "LinkNotAllowed"
	codeNotPicture  = "NotAPicture"
	codeTooBig      = "TooBig"
	codeLinkExpired = "LinkExpired"
	codeRemoved     = "Removed" // it was delivered, and made room for others
)

// due reports whether a picture is still to be fetched.
func due(p journal.Picture) bool {
	return p.SHA256 == "" && p.Link != "" && p.Code != codeLinkExpired && p.Code != codeRemoved
}

// keep fetches the pictures of a task that succeeded. What fails for now is tried
// again until the link dies; the task is closed when nothing is left to fetch.
func (s *Service) keep(ctx context.Context, row journal.Task) (next time.Duration, err error) {
	pictures := slices.Clone(row.Pictures)
	var wg sync.WaitGroup
	for i := range pictures {
		if due(pictures[i]) {
			wg.Go(func() { s.fetch(ctx, row, &pictures[i]) })
		}
	}
	wg.Wait()
	lease := leaseOf(row)
	row, err = s.cfg.Journal.Change(context.WithoutCancel(ctx), row.ID, &lease, func(t *journal.Task) error {
		t.Pictures, t.Open = pictures, slices.ContainsFunc(pictures, due)
		return nil
	})
	if err != nil {
		return 0, err
	}
	s.changed(row)
	return s.fetchPause(row), nil
}

// fetchPause grows from a second to ten minutes with the age of the pictures.
func (s *Service) fetchPause(row journal.Task) time.Duration {
	return max(time.Second, min(time.Since(row.Looked)/2, 10*time.Minute))
}

// fetch brings one picture home, or notes in it why not.
func (s *Service) fetch(ctx context.Context, row journal.Task, p *journal.Picture) {
	select {
	case s.fetches <- struct{}{}:
	case <-ctx.Done():
		return
	}
	defer func() { <-s.fetches }()
	got, err := s.cfg.Store.Fetch(ctx, p.Link)
	if err != nil && whyNot(err, p.LinkExpires) != codeRetry || errors.Is(err, store.ErrLinkExpired) {
		got, err = s.fetchFreshLink(ctx, row, p, err)
	}
	if errors.Is(err, store.ErrNoSpace) && s.makeRoom(ctx, bytesPerPicture) == nil {
		got, err = s.cfg.Store.Fetch(ctx, p.Link)
	}
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		p.Code, p.Reason = whyNot(err, p.LinkExpires), err.Error()
		if due(*p) {
			p.Reason += " (it is tried again until the link expires)"
		}
		return
	}
	p.SHA256, p.MIME, p.Width, p.Height, p.Bytes = got.SHA256, got.MIME, got.Width, got.Height, got.Bytes
	p.Code, p.Reason = "", ""
	s.export(row, p)
}

// fetchFreshLink asks the service once for a new link in place of a dead one.
func (s *Service) fetchFreshLink(ctx context.Context, row journal.Task, p *journal.Picture, cause error) (store.Picture, error) {
	if row.UpstreamID == "" {
		return store.Picture{}, cause
	}
	result, err := s.ask(ctx, row.UpstreamID)
	if err != nil {
		return store.Picture{}, cause // the next try asks again
	}
	if p.N > len(result.Images) || result.Images[p.N-1].URL == "" || result.Images[p.N-1].URL.Reveal() == p.Link {
		return store.Picture{}, cause
	}
	p.Link = result.Images[p.N-1].URL.Reveal()
	return s.cfg.Store.Fetch(ctx, p.Link)
}

// whyNot classifies a failed download. A link is tried until its time is over,
// also when the host says before that it is.
func whyNot(err error, expires time.Time) string {
	if time.Now().After(expires) {
		return codeLinkExpired
	}
	for sentinel, code := range map[error]string{
		store.ErrNotAllowed: codeNotAllowed, store.ErrNotPicture: codeNotPicture, store.ErrTooBig: codeTooBig,
	} {
		if errors.Is(err, sentinel) {
			return code
		}
	}
	return codeRetry
}

// export puts a copy with a readable name into the output folder. A folder that
// cannot be written costs the copy, never the picture.
func (s *Service) export(row journal.Task, p *journal.Picture) {
	if s.cfg.OutputDir == "" {
		return
	}
	req, err := request(row)
	if err != nil {
		return
	}
	path, err := s.cfg.Store.Export(kept(*p), s.cfg.OutputDir, store.FileName(row.Created, req.Prompt, p.N, p.MIME))
	if err != nil {
		s.log.Warn("no readable copy of a picture", "task", row.ID, "error", err)
		return
	}
	p.Path = path
}

// repair fetches the n-th picture again, which was damaged or lost on disk. It may
// come back as other bytes.
func (s *Service) repair(ctx context.Context, row journal.Task, n int) (Picture, error) {
	i := slices.IndexFunc(row.Pictures, func(p journal.Picture) bool { return p.N == n })
	if i < 0 {
		return Picture{}, ErrNoSuchPicture
	}
	again := row.Pictures[i]
	s.fetch(ctx, row, &again)
	if err := ctx.Err(); err != nil {
		return picture(again), err
	}
	if again.Code != "" {
		return picture(again), errors.New("the picture was damaged on disk and could not be fetched again: " + again.Reason)
	}
	_, err := s.cfg.Journal.Change(ctx, row.ID, nil, func(t *journal.Task) error {
		t.Pictures[i] = again
		return nil
	})
	return picture(again), err
}

// bytesPerPicture is the room asked of the disk for each picture before it is
// bought: larger than any that a Wan model makes at its largest size.
const bytesPerPicture = 8 << 20

// makeRoom sees to it that what is bought can be kept, at the expense of the
// oldest pictures that were delivered.
func (s *Service) makeRoom(ctx context.Context, need int64) error {
	err := s.cfg.Store.Room(need)
	if errors.Is(err, store.ErrNoSpace) {
		if err := s.removeOrphans(ctx); err != nil {
			return err
		}
		err = s.cfg.Store.Room(need)
	}
	for errors.Is(err, store.ErrNoSpace) {
		oldest, listErr := s.cfg.Journal.Evictable(ctx, 1)
		if listErr != nil || len(oldest) == 0 {
			return errors.Join(err, listErr)
		}
		evictErr := s.cfg.Journal.Evict(ctx, oldest[0], codeRemoved, "removed to make room for newer pictures (--max-store-bytes); it was delivered before")
		if errors.Is(evictErr, journal.ErrNeeded) {
			return err // somebody has come to need it just now
		}
		if evictErr != nil {
			return evictErr
		}
		if err := s.cfg.Store.Remove(oldest[0]); err != nil {
			return err
		}
		s.log.Info("removed a delivered picture to make room", "sha256", oldest[0])
		err = s.cfg.Store.Room(need)
	}
	return err
}

// orphanAge is how old a picture must be that no task knows: one that was fetched
// just now may not be written down yet.
const orphanAge = time.Hour

// removeOrphans deletes pictures that no task knows, left by a death between their
// arrival and their note, or between their eviction and its end.
func (s *Service) removeOrphans(ctx context.Context) error {
	entries, err := s.cfg.Store.List()
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if time.Since(entry.Stored) < orphanAge {
			continue
		}
		known, err := s.cfg.Journal.Keeps(ctx, entry.SHA256)
		if err != nil {
			return err
		}
		if known {
			continue
		}
		if err := s.cfg.Store.Remove(entry.SHA256); err != nil {
			return err
		}
		s.log.Info("removed a picture that no task knows", "sha256", entry.SHA256)
	}
	return nil
}
