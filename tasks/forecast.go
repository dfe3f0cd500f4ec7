package tasks

import (
	"math"
	"time"
)

// A forecast knows how long tasks of one model take, as a histogram over the
// logarithm of the time: it starts from a prior, learns from each task that ended
// and slowly forgets, so that it follows the service from day to day.
//
// It answers when looking is worthwhile: as soon as the time that a task is
// expected to have lain finished unseen reaches the price of a query.
type forecast struct {
	mass  [forecastBins]float64
	total float64
	sum   float64 // of mass times duration, in seconds
}

const (
	binsPerOctave = 16
	shortestTask  = 0.125 // seconds, the lower edge of the first bin
	octaves       = 18    // up to nine hours
	forecastBins  = octaves * binsPerOctave

	priorWorth  = 2     // tasks
	priorSpread = 0.4   // of the logarithm
	doubtShare  = 0.5   // of the prior, for a service that is not as expected
	doubtSpread = 1.0   // of the logarithm
	forgetting  = 0.985 // per task

	kernelSpread = 2.0 // bins
	kernelReach  = 6   // bins

	minLookGap = 250 * time.Millisecond
	maxLookGap = 20 * time.Second
)

// newForecast starts from a typical duration.
func newForecast(typical time.Duration) *forecast {
	f := new(forecast)
	middle := math.Log(max(typical.Seconds(), shortestTask))
	for i := range f.mass {
		off := math.Log(binTime(i)) - middle
		f.mass[i] = (1-doubtShare)*bell(off, priorSpread) + doubtShare*bell(off, doubtSpread)
		f.total += f.mass[i]
	}
	for i := range f.mass {
		f.mass[i] *= priorWorth / f.total
		f.sum += f.mass[i] * binTime(i)
	}
	f.total = priorWorth
	return f
}

// bell is the normal distribution, but for a constant.
func bell(off, spread float64) float64 { return math.Exp(-off*off/(2*spread*spread)) / spread }

// binTime is the duration that stands for a bin, in seconds.
func binTime(i int) float64 {
	return shortestTask * math.Exp2((float64(i)+0.5)/binsPerOctave)
}

func binOf(seconds float64) int {
	i := int(math.Floor(math.Log2(seconds/shortestTask) * binsPerOctave))
	return max(0, min(i, forecastBins-1))
}

// learn adds a task that took so long, spread over its neighbourhood: a handful of
// tasks says little about the exact second.
func (f *forecast) learn(took time.Duration) {
	middle := binOf(max(took.Seconds(), shortestTask))
	f.total, f.sum = 0, 0
	for i := range f.mass {
		f.mass[i] *= forgetting
		if d := i - middle; d >= -kernelReach && d <= kernelReach {
			f.mass[i] += kernel[max(d, -d)]
		}
		f.total += f.mass[i]
		f.sum += f.mass[i] * binTime(i)
	}
}

// kernel spreads one task over the bins to both sides of its own; it sums to one.
var kernel = func() (k [kernelReach + 1]float64) {
	sum := 0.0
	for d := range k {
		k[d] = bell(float64(d), kernelSpread)
		sum += k[d]
		if d > 0 {
			sum += k[d]
		}
	}
	for d := range k {
		k[d] /= sum
	}
	return k
}()

// mean is how long a task is expected to take.
func (f *forecast) mean() time.Duration { return seconds(f.sum / f.total) }

// price is what one query costs, as time that a finished task may lie unseen.
func (f *forecast) price() time.Duration { return min(100*time.Millisecond, f.mean()/100) }

// next is how long after its last look (at that age of the task) the next is
// worthwhile at a price; it is at least the given time.
func (f *forecast) next(age, price, least time.Duration) time.Duration {
	from, cost := age.Seconds(), price.Seconds()
	first := 0
	if from > shortestTask {
		first = binOf(from)
	}
	alive := 0.0 // mass of the tasks that take longer than from
	for i := first; i < forecastBins; i++ {
		alive += f.beyond(i, from)
	}
	if alive < 1e-6*f.total { // longer than anything seen: as if it were as old again
		return min(max(age/20, least), maxLookGap)
	}
	// unseen(t) = sum of mass(T) * (t - T) over T < t, divided by alive, grows along
	// straight lines between the bins: find where it reaches the cost.
	var before, moment float64 // mass before t, and its sum of mass times T
	for i := first; i < forecastBins; i++ {
		if before > 0 {
			if t := (cost*alive + moment) / before; t <= max(binTime(i), from) {
				return clampGap(t-from, least)
			}
		}
		m := f.beyond(i, from)
		before += m
		moment += m * max(binTime(i), from)
	}
	return clampGap((cost*alive+moment)/before-from, least)
}

// beyond is the part of a bin's mass that takes longer than from.
func (f *forecast) beyond(i int, from float64) float64 {
	low, high := shortestTask*math.Exp2(float64(i)/binsPerOctave), shortestTask*math.Exp2(float64(i+1)/binsPerOctave)
	switch {
	case from <= low:
		return f.mass[i]
	case from >= high:
		return 0
	}
	return f.mass[i] * (high - from) / (high - low)
}

func clampGap(s float64, least time.Duration) time.Duration {
	return max(least, min(seconds(s), maxLookGap))
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
