package torture_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"net/url"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite" // the journal, read as it lies there
)

// row is an order as the journal has it. It is read only to find orders of which
// the client was never told; what is said of them is asked of the program.
type row struct {
	id, marker, state, upstreamID, reason string
	n, counted                            int
}

func (m *machine) journal(where string) (rows []row) {
	m.t.Helper()
	path := (&url.URL{Path: filepath.ToSlash(filepath.Join(m.state, "journal.db"))}).EscapedPath()
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro&_pragma=busy_timeout(10000)")
	if err != nil {
		m.t.Fatal(err)
	}
	defer db.Close()
	got, err := db.QueryContext(context.Background(), `SELECT id, request, state, COALESCE(upstream_id, ''), reason, n, counted
		FROM task WHERE is_foreign = 0 AND `+where)
	if err != nil {
		m.t.Fatal(err)
	}
	defer got.Close()
	for got.Next() {
		var r row
		var request []byte
		if err := got.Scan(&r.id, &request, &r.state, &r.upstreamID, &r.reason, &r.n, &r.counted); err != nil {
			m.t.Fatal(err)
		}
		var asked struct{ Prompt string }
		if err := json.Unmarshal(request, &asked); err != nil {
			m.t.Fatal(err)
		}
		r.marker, _, _ = strings.Cut(asked.Prompt, " ")
		rows = append(rows, r)
	}
	if got.Err() != nil {
		m.t.Fatal(got.Err())
	}
	return rows
}
