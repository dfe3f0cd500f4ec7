package tasks_test

import (
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the database/sql driver "sqlite"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/dashscope/simulator"
	"wan-image-mcp/tasks"
)

// freeze makes the journal refuse every change of one task, as damage in its row
// would.
func (w *world) freeze(id string) {
	w.Helper()
	db, err := sql.Open("sqlite", filepath.Join(w.dir, "journal.db"))
	if err != nil {
		w.Fatal(err)
	}
	defer db.Close()
	_, err = db.ExecContext(w.Context(), "CREATE TRIGGER frozen BEFORE UPDATE ON task WHEN OLD.id = '"+id+"' BEGIN SELECT RAISE(ABORT, 'frozen'); END")
	if err != nil {
		w.Fatal(err)
	}
}

// A dead process's task that cannot be taken over keeps nobody's leases from being
// renewed and no later task from being worked on.
func TestOneBadRowHoldsUpNoOthers(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		a := w.live()
		bad := a.order(flash("a door [sim:slow=600s]"))
		if _, err := bad.Wait(w.Context(), 10*time.Second, nil); err != nil {
			w.Fatal(err)
		}
		a.end()
		w.freeze(bad.Task().ID)

		b := w.live()
		defer b.end()
		slow := b.order(flash("a slow door [sim:slow=60s]"))
		if _, err := slow.Wait(w.Context(), 30*time.Second, nil); err != nil {
			w.Fatal(err)
		}
		row, err := b.cfg.Journal.Task(w.Context(), slow.Task().ID)
		if err != nil || row.LeaseUntil.Before(time.Now()) {
			w.Errorf("the lease of a task that is worked on ran out %v ago: %v", time.Since(row.LeaseUntil), err)
		}

		w.admin("foreign", `{"n":1}`)
		page, err := b.cfg.Client.Tasks(w.Context(), dashscope.TaskFilter{PageSize: 1})
		if err != nil {
			w.Fatal(err)
		}
		foreign, err := b.Attend(w.Context(), tasks.Caller{Owner: "me", AdoptForeign: true}, page.Tasks[0].TaskID)
		if err != nil {
			w.Fatal(err)
		}
		if task, err := foreign.Wait(w.Context(), time.Minute, nil); err != nil || !task.Settled() {
			w.Errorf("a task that came after the bad one: %s, settled %v, %v", task.State, task.Settled(), err)
		}
	})
}
