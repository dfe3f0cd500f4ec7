package tasks

import (
	"context"
	"time"

	"wan-image-mcp/dashscope"
)

func midnight(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, t.Location())
}

func nextMidnight(t time.Time) time.Time { return midnight(t).AddDate(0, 0, 1) }

// Budget tells what was bought and reserved today, by all callers together.
func (s *Service) Budget(ctx context.Context) (Budget, error) {
	now := time.Now()
	count, price, err := s.cfg.Journal.Spent(ctx, s.cfg.Upstream, midnight(now))
	if err != nil {
		return Budget{}, err
	}
	b := Budget{ImagesToday: count, PriceToday: dashscope.CNY(price).Float64(), Limit: s.cfg.BudgetImagesPerDay}
	if b.Limit > 0 {
		b.ResetsAt = nextMidnight(now).Format(time.RFC3339)
	}
	return b, nil
}
