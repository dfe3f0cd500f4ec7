package tasks_test

import (
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// figureJournal prints the journal's own benchmarks, in real time and on the real
// disk: how fast processes write, and what a million kept tasks cost a reader.
func figureJournal(t *testing.T) {
	if !*figures {
		return // what it would hold is held by the journal's tests: no statement reads all tasks
	}
	cmd := exec.CommandContext(t.Context(), "go", "test", "-run", "^$", "-bench", "Commits|Kept/(Task|ByUpstreamID|Recent)$", "-timeout", "30m", "./journal")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	row := table(t, "commits (real disk)\tcommits a second\tmedian ms\tp99 ms")
	kept := table(t, "kept (real disk)\ta thousand, µs\ta million, µs\tratio")
	for name, got := range metrics(string(out)) {
		switch {
		case strings.Contains(name, "Commits/"):
			n, _ := strconv.Atoi(strings.TrimPrefix(name, "Commits/processes="))
			row("%s\t%.0f\t%.2f\t%.1f", processes(n), got["commits/s"], got["ms-median"], got["ms-p99"])
		case got["ratio"] == 0:
			t.Errorf("no figures of %s:\n%s", name, out)
		default:
			kept("%s\t%.0f\t%.0f\t%.2f", calls[strings.TrimPrefix(name, "Kept/")], got["µs/1e3"], got["µs/1e6"], got["ratio"])
			if got["ratio"] > 1.5 {
				t.Errorf("%s takes %.2f times as long with a million tasks; the goal is 1.5", name, got["ratio"])
			}
		}
	}
}

// calls are what the tools do with a method of the journal.
var calls = map[string]string{"Task": "get_task by our id", "ByUpstreamID": "get_task by the service's id", "Recent": "the newest 20"}

// metrics reads the lines of benchmarks in their order.
func metrics(out string) func(yield func(name string, got map[string]float64) bool) {
	line := regexp.MustCompile(`(?m)^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+(.*)$`)
	return func(yield func(string, map[string]float64) bool) {
		for _, m := range line.FindAllStringSubmatch(out, -1) {
			got := map[string]float64{}
			fields := strings.Fields(m[2])
			for i := 0; i+1 < len(fields); i += 2 {
				got[fields[i+1]], _ = strconv.ParseFloat(fields[i], 64) // 0 is no figure, and found out
			}
			if !yield(m[1], got) {
				return
			}
		}
	}
}
