package journal_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"wan-image-mcp/tasks/journal"
)

// One order from "asked for" to "accepted", as the only process.
func Example() {
	ctx := context.Background()
	state, err := os.MkdirTemp("", "state")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(state)
	j, err := journal.Open(filepath.Join(state, "journal.db"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer j.Close()

	now := time.Now()
	order := journal.Intent{
		Task: journal.Task{
			ID: "abcdefghijklmnopqrstuvwxyz", Upstream: "simulated", Owner: "ann", Session: "1",
			Fingerprint: "sha256 of the arguments", Model: "wan2.6-t2i", N: 1, Request: []byte(`{"prompt":"a flower shop"}`),
			Holder: "process 1", Fence: 1, LeaseUntil: now.Add(10 * time.Second), Created: now, Counted: 1,
		},
		Process: "process 1", Adoptable: now.Add(-15 * time.Minute), Day: now.Add(-24 * time.Hour), Budget: 200,
		Alive: func(process string) bool { return process == "process 1" },
	}
	task, found, err := j.Order(ctx, order)
	fmt.Println(task.State, found, err)

	pass, err := j.Submit(ctx, journal.Gate{
		Upstream: "simulated", Model: "wan2.6-t2i", Holder: "process 1",
		Spacing: time.Second, Running: 2, Now: now, Deadline: now.Add(30 * time.Second),
	})
	fmt.Println(pass.Task.State, pass.Task.Posts, err)
	// Now the one POST, and what came of it:
	task, err = j.Change(ctx, task.ID, &journal.Lease{Holder: "process 1", Fence: 1}, func(t *journal.Task) error {
		t.State, t.UpstreamID, t.Accepted = "PENDING", "0385dc79-5ff8-4d82-bcb6-example", time.Now()
		return nil
	})
	fmt.Println(task.State, task.UpstreamID, err)
	// Output:
	// QUEUED false <nil>
	// SUBMITTING 1 <nil>
	// PENDING 0385dc79-5ff8-4d82-bcb6-example <nil>
}
