package dashscope

import (
	"net/http"
	"sync/atomic"
	"time"
)

// dateStep is how finely the Date header tells the time; less than two of it is no
// difference.
const dateStep = time.Second

// clock remembers how far the service's clock is ahead of ours.
type clock struct {
	ahead atomic.Int64
	known atomic.Bool
}

func (c *clock) note(header http.Header, now time.Time) {
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return
	}
	ahead := date.Add(dateStep / 2).Sub(now)
	if ahead.Abs() < 2*dateStep {
		ahead = 0
	}
	c.ahead.Store(int64(ahead))
	c.known.Store(true)
}

// ClockOffset is how far the service's clock is ahead of ours, negative when it is
// behind: by the Date header of its last answer, to about two seconds. It is not
// known until there was one.
func (c *Client) ClockOffset() (ahead time.Duration, known bool) {
	return time.Duration(c.clock.ahead.Load()), c.clock.known.Load()
}
