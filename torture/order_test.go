package torture_test

import (
	"fmt"
	"testing"
	"time"
)

// TestRepeatComesBeforeWhatFollows: a repeated order, and behind it get_task for the
// same task, reach a server together, as after a pause of it. When the order came
// nobody waited on the task, so it finds the task again.
func TestRepeatComesBeforeWhatFollows(t *testing.T) {
	if stop == nil {
		t.Skip("needs a signal that stops a process")
	}
	t.Parallel()
	m := newMachine(t, "50")
	s := m.serve("one", nil).hello()
	answered := func(id int) answer {
		told, ok := s.wait(id, time.Minute)
		a, err := readAnswer(told)
		if !ok || err != nil || a.TaskID == "" {
			t.Fatalf("request %d: %+v, %v", id, told, err)
		}
		return a
	}
	var orders []map[string]any
	var first, again []int
	for i := range 50 {
		orders = append(orders, map[string]any{
			"prompt": fmt.Sprintf("order%d [sim:slow=10m]", i), "model": "wan2.2-t2i-plus", "size": "512*512", "wait_seconds": 0,
		})
		first = append(first, s.tool("generate_image", orders[i]))
	}
	for _, id := range first {
		answered(id)
	}
	if err := s.cmd.Process.Signal(stop); err != nil {
		t.Fatal(err)
	}
	for i, order := range orders {
		again = append(again, s.tool("generate_image", order))
		s.tool("get_task", map[string]any{"task_id": answered(first[i]).TaskID, "wait_seconds": 5})
	}
	if err := s.cmd.Process.Signal(cont); err != nil {
		t.Fatal(err)
	}
	for i, id := range again {
		if was, is := answered(first[i]).TaskID, answered(id).TaskID; was != is {
			t.Errorf("order %d: %s was bought beside %s", i, is, was)
		}
	}
}
