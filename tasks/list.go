package tasks

import (
	"context"
	"time"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/tasks/journal"
)

const (
	// listAbove is how many tasks make a page of the list cheaper than single looks.
	listAbove = 10
	listEvery = time.Second
	listLife  = 3 * listEvery
	// maxListedGap is between two looks at a task that the list tells of.
	maxListedGap = 2 * time.Minute
	// probeEvery is between two looks that only test the list.
	probeEvery = 5 * listEvery
	// listSlack is how long after its end a task may be listed as running, or the
	// clocks may differ, and listDoubt how long a list that is worse is not used.
	listSlack = 5 * time.Second
	listDoubt = time.Minute
)

// readList asks for one page of the task list in place of many single tasks, each
// second while there are enough of them, until ctx ends.
func (s *Service) readList(ctx context.Context) {
	tick := time.NewTicker(listEvery)
	defer tick.Stop()
	var probed time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if !s.needsList() {
			continue
		}
		page, err := s.askList(ctx, dashscope.TaskFilter{Page: 1, PageSize: listPage})
		if err != nil {
			s.log.Debug("the task list cannot be read", "error", err)
			continue
		}
		s.noteListed(page.Tasks)
		if time.Since(probed) >= probeEvery {
			probed = time.Now()
			s.probeList()
		}
	}
}

// needsList reports whether enough tasks of this process wait for the service, and
// the list was not found wrong just now.
func (s *Service) needsList() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	count := 0
	for _, d := range s.working {
		if d.upstreamID != "" {
			count++
		}
	}
	return count > listAbove && time.Now().After(s.listDoubted)
}

// noteListed looks at those tasks of this process of which the list tells an end,
// and spares the others a look of their own.
func (s *Service) noteListed(rows []dashscope.TaskRow) {
	told := make(map[string]dashscope.Status, len(rows))
	for _, row := range rows {
		told[row.TaskID] = row.Status
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.working {
		status, ok := told[d.upstreamID]
		switch {
		case !ok:
		case status.Terminal():
			d.toldEnd = true
			signal(d.look)
		default:
			d.listed = time.Now()
		}
	}
}

// listedFor tells how long it is still believed that the driver's task goes on,
// because the list has just told so.
func (s *Service) listedFor(d *driver) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Now().Before(s.listDoubted) {
		return 0
	}
	return listLife - time.Since(d.listed)
}

// probeList looks at the oldest of the tasks that the list says go on, in case it
// is wrong.
func (s *Service) probeList() {
	s.mu.Lock()
	defer s.mu.Unlock()
	var oldest *driver
	for _, d := range s.working {
		if time.Since(d.listed) < listEvery && time.Since(d.probed) > maxLookGap && (oldest == nil || d.started.Before(oldest.started)) {
			oldest = d
		}
	}
	if oldest != nil {
		oldest.probed = time.Now()
		signal(oldest.look)
	}
}

// judgeList holds what the service says of a task against what its list said. A
// list that is wrong is not used for a while.
func (s *Service) judgeList(d *driver, row journal.Task) {
	ahead, _ := s.cfg.Client.ClockOffset()
	s.mu.Lock()
	defer s.mu.Unlock()
	ended := State(row.State).Terminal()
	wrong := d.toldEnd && !ended || ended && d.listed.Add(ahead).Sub(row.Ended) > listSlack
	d.toldEnd = false
	if wrong {
		s.listDoubted = time.Now().Add(listDoubt)
		s.log.Warn("the task list is wrong: tasks are asked for one by one", "task", row.ID, "state", row.State, "for", listDoubt)
	}
}
