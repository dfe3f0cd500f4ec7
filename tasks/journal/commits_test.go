package journal_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"wan-image-mcp/tasks/journal"
)

// commitLong is how long each process of BenchmarkCommits writes.
const commitLong = 3 * time.Second

// measure is a process that does the writes of one order after the other and
// tells how many microseconds each took.
func measure(path, name string) error {
	j, err := journal.Open(path)
	if err != nil {
		return err
	}
	ctx := context.Background()
	var took []string
	timed := func(write func() error) {
		start := time.Now()
		if err == nil {
			err = write()
		}
		took = append(took, strconv.FormatInt(time.Since(start).Microseconds(), 10))
	}
	for i, start := 0, time.Now(); time.Since(start) < commitLong; i++ {
		id := fmt.Sprintf("%s-%d", name, i)
		timed(func() error {
			_, _, err := j.Order(ctx, intent(id, func(in *journal.Intent) {
				in.Task.Upstream, in.Process, in.Task.Holder = name, name, name
				in.Task.LeaseUntil = time.Now().Add(time.Minute)
			}))
			return err
		})
		timed(func() error {
			_, err := j.Submit(ctx, journal.Gate{Upstream: name, Model: model, Holder: name, Running: 1, Now: time.Now()})
			return err
		})
		for _, state := range []string{"PENDING", "SUCCEEDED"} {
			timed(func() error {
				_, err := j.Change(ctx, id, nil, func(t *journal.Task) error {
					t.State, t.Open = state, state == "PENDING"
					return nil
				})
				return err
			})
		}
		if err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintln(os.Stdout, strings.Join(took, " ")); err != nil {
		return err
	}
	return j.Close()
}

// BenchmarkCommits has real processes write orders to one file, each commit synced
// to the disk:
//
//	go test -run - -bench Commits ./tasks/journal
func BenchmarkCommits(b *testing.B) {
	for _, processes := range []int{1, 8} {
		b.Run(fmt.Sprintf("processes=%d", processes), func(b *testing.B) {
			for b.Loop() {
				path := newFile(b)
				if err := openOnly(path, ""); err != nil {
					b.Fatal(err)
				}
				var mu sync.Mutex
				var all []int
				var running sync.WaitGroup
				for i := range processes {
					cmd := child(b, "measure", fmt.Sprint("p", i), path)
					running.Go(func() {
						took, err := microseconds(cmd)
						if err != nil {
							b.Error(err)
						}
						mu.Lock()
						defer mu.Unlock()
						all = append(all, took...)
					})
				}
				running.Wait()
				if len(all) == 0 {
					b.Fatal("no commits")
				}
				slices.Sort(all)
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(float64(len(all))/commitLong.Seconds(), "commits/s")
				b.ReportMetric(float64(all[len(all)/2])/1000, "ms-median")
				b.ReportMetric(float64(all[len(all)*99/100])/1000, "ms-p99")
			}
		})
	}
}

func microseconds(cmd *exec.Cmd) (took []int, err error) {
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	for word := range strings.FieldsSeq(string(out)) {
		n, err := strconv.Atoi(word)
		if err != nil {
			return nil, err
		}
		took = append(took, n)
	}
	return took, nil
}
