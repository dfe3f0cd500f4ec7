package tasks_test

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"wan-image-mcp/tasks"
)

var (
	figures = flag.Bool("figures", false, "print the figures of TestFigures in full length, not a short run that only checks the goals loosely")
	update  = flag.Bool("update", false, "write the figures into the README too")
)

const readme = "../README.md"

// TestFigures prints what waiting and queueing cost, with the production code in
// virtual time, beside baselines in the same run:
//
//	go test ./tasks -run Figures -figures -v -timeout 60m
func TestFigures(t *testing.T) {
	t.Run("waiting", figureWaiting)
	t.Run("fifty", figureFifty)
	t.Run("queue", figureQueue)
	t.Run("journal", figureJournal)
}

// table prints rows in columns when figures are asked for. The first word of the
// header names the place in the README.
func table(t *testing.T, header string) (row func(format string, args ...any)) {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, header)
	t.Cleanup(func() {
		_ = w.Flush() // a strings.Builder takes everything
		if *figures {
			fmt.Println(text.String())
		}
		if name, _, _ := strings.Cut(header, " "); *figures && *update && !t.Failed() {
			writeFigures(t, name, text.String())
		}
	})
	return func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
}

// writeFigures puts a table into its place in the README.
func writeFigures(t *testing.T, name, text string) {
	b, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	place := regexp.MustCompile(`(?s)(<!-- ` + name + `: [^\n]* -->\n).*?(<!-- end -->)`)
	if !place.Match(b) {
		t.Fatalf("the README has no place for %s", name)
	}
	b = place.ReplaceAll(b, []byte("${1}```\n"+strings.ReplaceAll(text, "$", "$$")+"```\n${2}"))
	if err := os.WriteFile(readme, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// service is how long tasks take somewhere.
type service struct {
	name string
	draw func(*rand.Rand) float64 // seconds
}

func lognormal(name string, median, spread float64) service {
	return service{name, func(r *rand.Rand) float64 { return median * math.Exp(spread*r.NormFloat64()) }}
}

var services = []service{
	lognormal("lognormal 8 s", 8, 0.35),
	lognormal("lognormal 20 s", 20, 0.40),
	lognormal("lognormal 60 s", 60, 0.50),
	{"85% 10 s, 15% 35 s", func(r *rand.Rand) float64 {
		median := 10.0
		if r.Float64() >= 0.85 {
			median = 35
		}
		return median * math.Exp(0.15*r.NormFloat64())
	}},
}

// plan tells when to look next at a task, by its age at the last look and the
// number of looks so far.
type plan func(age float64, looks int) float64

// sdk is the plan of the official Python SDK: at once, then 1 s, doubled at every
// third step, up to 5 s.
func sdk(_ float64, looks int) float64 {
	steps := []float64{0, 1, 1, 2, 2, 2, 4, 4, 4}
	if looks < len(steps) {
		return steps[looks]
	}
	return 5
}

func fixed(gap float64) plan { return func(float64, int) float64 { return gap } }

// watched is what looking at tasks by a plan came to.
type watched struct {
	mean, p95 float64 // delay in seconds
	looks     float64 // per task
}

// watch looks at tasks of the given durations.
func watch(durations []float64, next plan, ended func(float64)) watched {
	var w watched
	delays := make([]float64, len(durations))
	for i, took := range durations {
		age := 0.0
		for looks := 0; ; looks++ {
			age += next(age, looks)
			w.looks++
			if age >= took {
				break
			}
		}
		delays[i] = age - took
		w.mean += age - took
		if ended != nil {
			ended(took)
		}
	}
	n := float64(len(durations))
	slices.Sort(delays)
	return watched{w.mean / n, delays[len(delays)*95/100], w.looks / n}
}

func learned(f tasks.Forecast) (plan, func(float64)) {
	return func(age float64, _ int) float64 { return f.Next(duration(age)).Seconds() },
		func(took float64) { f.Learn(duration(took)) }
}

func duration(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// optimum is the least that delay + price * looks can cost per task for whoever
// knows the distribution, by dynamic programming over a grid of ages.
func optimum(durations []float64, price float64) float64 {
	const step = 0.05
	sorted := slices.Sorted(slices.Values(durations))
	cells := int(sorted[len(sorted)-1]/step) + 2
	count := make([]float64, cells+1) // tasks that end within the first i cells
	moment := make([]float64, cells+1)
	for _, d := range sorted {
		i := int(math.Ceil(d / step))
		count[i]++
		moment[i] += d
	}
	for i := 1; i <= cells; i++ {
		count[i] += count[i-1]
		moment[i] += moment[i-1]
	}
	// cost[i] is what the tasks still running at a look in cell i cost from there on.
	cost := make([]float64, cells+1)
	widest := int(20 / step)
	for i := cells - 1; i >= 0; i-- {
		running := count[cells] - count[i]
		if running == 0 {
			continue
		}
		cost[i] = math.Inf(1)
		for j := i + 1; j <= min(cells, i+widest); j++ {
			delay := (count[j]-count[i])*float64(j)*step - (moment[j] - moment[i])
			cost[i] = min(cost[i], price*running+delay+cost[j])
			if price*running+delay > cost[i] {
				break
			}
		}
	}
	return cost[0] / count[cells]
}

func figureWaiting(t *testing.T) {
	n, atMost := 2000, 1.15 // a short run is noisy
	if *figures {
		n, atMost = 20000, 1.06
	}
	row := table(t, "waiting (simulated)\tplan\tmean delay s\tp95 s\t% of the time\tqueries\tdelay x SDK\tqueries x SDK\tcost x optimum")
	for i, s := range services {
		r := rand.New(rand.NewPCG(1, uint64(i)))
		durations := make([]float64, n)
		sum := 0.0
		for i := range durations {
			durations[i] = s.draw(r)
			sum += durations[i]
		}
		mean := sum / float64(n)
		price := min(0.1, mean/100)
		best := optimum(durations, price)
		base := watch(durations, sdk, nil)
		report := func(name string, w watched) {
			row("%s\t%s\t%.2f\t%.2f\t%.1f\t%.1f\t%.2f\t%.2f\t%.3f", s.name, name, w.mean, w.p95, 100*w.mean/mean, w.looks, w.mean/base.mean, w.looks/base.looks, (w.mean+price*w.looks)/best)
		}
		report("official SDK", base)
		report("each 3 s", watch(durations, fixed(3), nil))
		report("each 5 s", watch(durations, fixed(5), nil))
		cold := coldFive(durations)
		report("ours, first five tasks", cold)
		f := tasks.NewForecast(20 * time.Second)
		next, learn := learned(f)
		watch(durations[:200], next, learn)
		ours := watch(durations[200:], next, learn)
		report("ours, learned", ours)
		row("%s\toptimum\t\t\t\t\t\t\t1", s.name)

		goal := 0.4
		if s.name == "lognormal 60 s" {
			goal = 0.65
		}
		if ours.mean > goal*base.mean || ours.looks > base.looks {
			t.Errorf("%s: %.2f of the SDK's delay with %.2f of its queries; the goal is %.2f with 1", s.name, ours.mean/base.mean, ours.looks/base.looks, goal)
		}
		if got := (ours.mean + price*ours.looks) / best; got > atMost {
			t.Errorf("%s: cost %.3f of the optimum's; the goal is %.2f", s.name, got, atMost)
		}
		if got, atMost := cold.mean+price*cold.looks, base.mean+price*base.looks; got > atMost || cold.mean > base.mean {
			t.Errorf("%s: cold, %.2f s and %.1f queries cost more than the SDK's %.2f s and %.1f", s.name, cold.mean, cold.looks, base.mean, base.looks)
		}
	}
}

// coldFive is what the first five tasks of many days without memory cost.
func coldFive(durations []float64) watched {
	var f tasks.Forecast
	i := 0
	return watch(durations[:len(durations)/5*5], func(age float64, looks int) float64 {
		if i%5 == 0 && looks == 0 {
			f = tasks.NewForecast(20 * time.Second)
		}
		return f.Next(duration(age)).Seconds()
	}, func(took float64) {
		f.Learn(duration(took))
		i++
	})
}
