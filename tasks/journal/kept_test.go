package journal_test

import (
	"context"
	"database/sql/driver"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"wan-image-mcp/tasks/journal"
)

// recorder notes every statement that goes through a journal's connections.
type recorder struct {
	mu         sync.Mutex
	statements map[string]bool
}

func (r *recorder) wrap(c driver.Connector) driver.Connector { return recording{c, r} }

type recording struct {
	driver.Connector
	to *recorder
}

func (r recording) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := r.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return recordingConn{conn.(sqliteConn), r.to}, nil
}

// sqliteConn is what database/sql uses of SQLite's connection.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ExecerContext
	driver.QueryerContext
	driver.SessionResetter
	driver.Validator
}

type recordingConn struct {
	sqliteConn
	to *recorder
}

func (r *recorder) note(statement string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.statements[statement] = true
}

func (c recordingConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	c.to.note(query)
	return c.sqliteConn.ExecContext(ctx, query, args)
}

func (c recordingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.to.note(query)
	return c.sqliteConn.QueryContext(ctx, query, args)
}

// everything calls each method that asks the file something.
func everything(ctx context.Context, j *journal.Journal) error {
	lease := journal.Lease{Holder: "p1", Fence: 1}
	for _, in := range []journal.Intent{intent("a", key("k")), intent("b", func(in *journal.Intent) { in.Budget = 100 }), intent("b2", same("f-b"))} {
		if _, _, err := j.Order(ctx, in); err != nil {
			return err
		}
	}
	withPicture := func(t *journal.Task) error {
		t.State, t.Open, t.Pictures = "SUCCEEDED", false, []journal.Picture{{N: 1, SHA256: "x"}}
		return nil
	}
	foreign := whole()
	foreign.Owner = "foreign"
	for _, do := range []func() error{
		func() error { _, err := j.Submit(ctx, gate(0)); return err },
		func() error { return j.SlowDown(ctx, upstream, model, noon, true) },
		func() error { _, err := j.Place(ctx, upstream, model, "b", noon); return err },
		func() error { _, err := j.Ahead(ctx, whole()); return err },
		func() error { _, err := j.RefusesExcess(ctx, upstream, model); return err },
		func() error {
			_, _, err := j.Withdraw(ctx, "b", "p1", 1, func(string) bool { return true }, func(*journal.Task) {})
			return err
		},
		func() error { _, err := j.Claim(ctx, "b", lease, "p1", noon); return err },
		func() error { _, err := j.Renew(ctx, "p1", noon); return err },
		func() error { return j.Insert(ctx, foreign) },
		func() error { _, err := j.Change(ctx, "a", &lease, withPicture); return err },
		func() error { return j.Attend(ctx, "a", "p1", 1) },
		func() error { return j.Leave(ctx, "a", "p1", true, noon) },
		func() error { return j.Sweep(ctx, func(string) bool { return false }) },
		func() error { _, err := j.Task(ctx, "a"); return err },
		func() error { _, err := j.ByUpstreamID(ctx, upstream, "up-1"); return err },
		func() error { _, err := j.Recent(ctx, upstream, "ann", 5); return err },
		func() error { _, err := j.OpenTasks(ctx, upstream); return err },
		func() error { _, err := j.OpenElsewhere(ctx, upstream, "https"); return err },
		func() error { _, err := j.Join(ctx, upstream, "another", noon); return err },
		func() error { _, err := j.Join(ctx, "another", upstream, noon); return err },
		func() error { _, err := j.InDoubt(ctx, upstream, model); return err },
		func() error { _, err := j.Queued(ctx, upstream, "p1"); return err },
		func() error { _, err := j.Served(ctx, upstream, model, 5); return err },
		func() error { _, _, err := j.Spent(ctx, upstream, noon); return err },
		func() error { _, err := j.Changed(ctx); return err },
		func() error { _, err := j.Evictable(ctx, 5); return err },
		func() error { _, err := j.Keeps(ctx, "x"); return err },
		func() error { return j.Evict(ctx, "x", "Code", "why") },
	} {
		if err := do(); err != nil {
			return err
		}
	}
	return nil
}

// bounded are the ways to tasks and pictures that do not get longer with what is
// kept: one row; what is open; the newest ones; one day; one fingerprint's last
// minutes; and the pictures on the disk, which the store's quota bounds.
var bounded = regexp.MustCompile(`USING (COVERING )?INDEX (` + strings.Join([]string{
	`sqlite_autoindex_task_1 \(id=\?\)`,
	`task_open\b.*`,
	`task_recent \(upstream=\? AND owner=\?\)`,
	`task_key \(upstream=\? AND owner=\? AND idem_key=\?\)`,
	`task_upstream \(upstream=\? AND upstream_id=\?\)`,
	`task_same \(upstream=\? AND owner=\? AND fingerprint=\? AND created>\?\)`,
	`task_day \(upstream=\? AND created>\?\)`,
	`task_served \(upstream=\? AND model=\?\)`,
	`picture_sha\b.*`,
}, "|") + `)$|USING PRIMARY KEY \(task=\?`)

// Every statement finds its rows through the index that is meant for it.
func TestNoStatementReadsAllTasks(t *testing.T) {
	path := newFile(t)
	r := &recorder{statements: map[string]bool{}}
	j, err := journal.OpenThrough(path, r.wrap)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	clear(r.statements)
	if err := everything(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	db := rawDB(t, path)
	defer db.Close()
	ofTask := regexp.MustCompile(`^(SCAN|SEARCH) (task|picture)\b`)
	explained := 0
	for statement := range r.statements {
		if strings.HasPrefix(statement, "PRAGMA") {
			continue
		}
		rows, err := db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+statement, make([]any, 60)[:placeholders(statement)]...)
		if err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
		var plan []string
		for rows.Next() {
			var id, parent, unused int
			var detail string
			if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
				t.Fatal(err)
			}
			plan = append(plan, detail)
		}
		if err := rows.Close(); err != nil {
			t.Fatal(err)
		}
		explained++
		for _, step := range plan {
			if ofTask.MatchString(step) && !bounded.MatchString(step) {
				t.Errorf("%s\n  reads too many rows:\n    %s", statement, strings.Join(plan, "\n    "))
			}
			if strings.Contains(step, "task_recent") && strings.Contains(strings.Join(plan, " "), "TEMP B-TREE") {
				t.Errorf("%s\n  sorts all tasks of an owner", statement)
			}
		}
	}
	if explained < 25 {
		t.Errorf("only %d statements were seen", explained)
	}
}

// placeholders counts the arguments of a statement.
func placeholders(statement string) int {
	numbers := regexp.MustCompile(`\?(\d)`).FindAllStringSubmatch(statement, -1)
	if numbers == nil {
		return strings.Count(statement, "?")
	}
	most := 0
	for _, n := range numbers {
		most = max(most, int(n[1][0]-'0'))
	}
	return most
}

// keep fills a journal with that many finished and delivered tasks of the last
// year, most of them with an evicted picture, a thousand with one that is kept.
func keep(b *testing.B, path string, count int) *journal.Journal {
	b.Helper()
	if err := openOnly(path, ""); err != nil {
		b.Fatal(err)
	}
	const indexes = "FROM sqlite_schema WHERE name GLOB 'task_*' OR name = 'picture_sha'"
	drop := query[string](b, path, "SELECT group_concat('DROP INDEX ' || name, ';') "+indexes)
	create := query[string](b, path, "SELECT group_concat(sql, ';') "+indexes)
	exec1(b, path, fmt.Sprintf(`PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-500000; BEGIN; %[5]s;
		WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i < %[1]d)
		INSERT INTO task (id, upstream, owner, session, fingerprint, model, n, request, upstream_id, request_id,
			state, open, created, sent, accepted, ended, served, looked, billed, price, counted, delivered)
		SELECT printf('%%026d', i * 7919 %% 100000007), '%[2]s', 'ann', 's', printf('%%064d', i), '%[3]s', 1, CAST(printf('%%0300d', i) AS BLOB),
			printf('%%036d', i * 7919 %% 100000007), printf('%%036d', i),
			'SUCCEEDED', 0, at, at, at, at + 8000, 8000, at, 1, 200000, 1, at FROM (SELECT i, %[4]d - (%[1]d - i) * 31536000000 / %[1]d AS at FROM c);
		INSERT INTO picture (task, n, mime, bytes, link, sha256) SELECT id, 1, 'image/png', 1000000, printf('https://x/%%0100d', rowid),
			CASE WHEN rowid > %[1]d - 1000 THEN printf('%%064d', rowid) ELSE '' END FROM task ORDER BY id;
		%[6]s; COMMIT`, count, upstream, model, noon.Add(-13*time.Hour).UnixMilli(), drop, create))
	return open(b, path)
}

// BenchmarkKept compares a journal of a million tasks with one of a thousand,
// call by call in turns, by the medians:
//
//	go test -run - -bench Kept ./tasks/journal
func BenchmarkKept(b *testing.B) {
	sizes := []int{1000, 1_000_000}
	var journals []*journal.Journal
	for _, size := range sizes {
		start := time.Now()
		journals = append(journals, keep(b, newFile(b), size))
		b.Logf("%d tasks written in %v", size, time.Since(start).Round(time.Millisecond))
	}
	ctx := context.Background()
	submitted := 0
	for _, call := range []struct {
		name string
		do   func(j *journal.Journal, size int) error
	}{
		{"Task", func(j *journal.Journal, size int) error { // one of the newest thousand, as it is asked for
			_, err := j.Task(ctx, fmt.Sprintf("%026d", scattered(size-rand.IntN(1000))))
			return err
		}},
		{"TaskOfAnyAge", func(j *journal.Journal, size int) error {
			_, err := j.Task(ctx, fmt.Sprintf("%026d", scattered(1+rand.IntN(size))))
			return err
		}},
		{"ByUpstreamID", func(j *journal.Journal, size int) error {
			_, err := j.ByUpstreamID(ctx, upstream, fmt.Sprintf("%036d", scattered(size-rand.IntN(1000))))
			return err
		}},
		{"Recent", func(j *journal.Journal, _ int) error { _, err := j.Recent(ctx, upstream, "ann", 20); return err }},
		{"OpenTasks", func(j *journal.Journal, _ int) error { _, err := j.OpenTasks(ctx, upstream); return err }},
		{"Spent", func(j *journal.Journal, _ int) error {
			_, _, err := j.Spent(ctx, upstream, noon.Add(-12*time.Hour))
			return err
		}},
		{"Served", func(j *journal.Journal, _ int) error { _, err := j.Served(ctx, upstream, model, 50); return err }},
		{"Evictable", func(j *journal.Journal, _ int) error { _, err := j.Evictable(ctx, 1); return err }},
		{"Submit", func(j *journal.Journal, _ int) error { // with the order before it and the end after it
			submitted++
			id, at := fmt.Sprint("t", submitted), time.Duration(submitted)*time.Second
			if _, _, err := j.Order(ctx, intent(id, func(in *journal.Intent) { in.Task.LeaseUntil = noon.Add(at + time.Minute) })); err != nil {
				return err
			}
			pass, err := j.Submit(ctx, gate(at))
			if err != nil || pass.Task == nil {
				return fmt.Errorf("submit %+v: %w", pass, err)
			}
			_, err = j.Change(ctx, id, nil, func(t *journal.Task) error { t.State, t.Open = "SUCCEEDED", false; return nil })
			return err
		}},
	} {
		b.Run(call.name, func(b *testing.B) {
			took := make([][]time.Duration, len(sizes))
			for b.Loop() {
				for i, j := range journals {
					start := time.Now()
					if err := call.do(j, sizes[i]); err != nil {
						b.Fatal(err)
					}
					took[i] = append(took[i], time.Since(start))
				}
			}
			small, large := median(took[0]), median(took[1])
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(small.Microseconds()), "µs/1e3")
			b.ReportMetric(float64(large.Microseconds()), "µs/1e6")
			b.ReportMetric(float64(large)/float64(small), "ratio")
		})
	}
}

// scattered makes ids of the i-th task that lie as far apart as random ones.
func scattered(i int) int { return i * 7919 % 100000007 }

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}
