// Package torture_test gives the real program a bad life, over and over, and then
// counts: pictures paid twice, and pictures paid for and lost. Both must be none.
//
//	go test ./torture                                    # a short one, as in CI
//	go test ./torture -run Torture -lives 200 -seed 7 -v -timeout 30m
//
// Around the program stand a simulated service, in a process that is never killed,
// and a network that refuses, cuts and delays. A client orders pictures, several at
// once, with and without idempotency_key, and does what clients do when an answer
// does not come: it cancels, repeats, asks get_task, starts the server again,
// sometimes while the old one still runs. Meanwhile the server is killed, stopped
// and told to end at random moments, and the service answers with every fault that
// it knows. At the end the server gets one calm life, and what the client was told,
// what the service was asked and what lies on the disk are held against each other.
//
// TestFourProcesses is kinder: nothing fails but that processes die, and what the
// service counts must be exact: pace, running limit, query rate and budget.
//
// The files: world_test.go is what happens, calm_test.go the end of it; machine_test.go
// and service_test.go the computer and the service, wire_test.go the network between
// them, server_test.go and ending_test.go one life of the program, luck_test.go what
// goes wrong. client_test.go is what the client does and was told, owed_test.go what it
// may have to pay for, and judge_test.go, manners_test.go and rows_test.go the check.
// four_test.go is the kinder test and what more it checks. Small ones of single moments
// are takeover_test.go, synced_test.go and order_test.go.
package torture_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	_ "wan-image-mcp/cli" // what is built below: without it a cached result would outlive a change
)

var (
	lives = flag.Int("lives", 15, "how many processes of the program live and die in TestTorture")
	seed  = flag.Uint64("seed", 0, "decides what TestTorture does, but not how fast the machine is; 0 takes another each time")
)

// binary is the program under test.
var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := withBinary(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// withBinary builds the program, unless WAN_IMAGE_MCP_BINARY names one that is
// built already.
func withBinary(run func() int) (code int, err error) {
	if binary = os.Getenv("WAN_IMAGE_MCP_BINARY"); binary != "" {
		return run(), nil
	}
	dir, err := os.MkdirTemp("", "wan-image-mcp-torture-*")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	binary = filepath.Join(dir, "wan-image-mcp.exe") // Windows wants the ending, nobody else minds
	// Without the race detector, whatever GOFLAGS says: lives must be as quick as real ones.
	if out, err := exec.Command("go", "build", "-race=false", "-o", binary, "wan-image-mcp").CombinedOutput(); err != nil {
		return 1, fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return run(), nil
}

// TestTorture is the whole of it.
func TestTorture(t *testing.T) {
	t.Parallel()
	if *seed == 0 {
		*seed = rand.Uint64N(1e9) + 1
	}
	t.Logf("the same again: go test ./torture -run Torture -lives %d -seed %d", *lives, *seed)
	w := newWorld(t, *seed, "50")
	start := time.Now()
	for w.lives < *lives {
		w.live()
	}
	lived := time.Since(start)
	w.calm("queue")
	calm := time.Since(start) - lived
	v := w.judge()
	t.Logf("%.1f s of lives, %.1f s until calm, %.1f s in all\n%s", lived.Seconds(), calm.Seconds(), time.Since(start).Seconds(), v.table())
	if v.duplicates+v.lost > 0 || t.Failed() {
		t.Errorf("seed %d: %d paid twice, %d paid and lost", *seed, v.duplicates, v.lost)
		w.keepLogs()
	}
}

// A verdict is what the judge counted.
type verdict struct {
	lives, kills, terms, closes, stops int
	calls, lostAnswers                 int
	orders, accepted, paid             int
	duplicates, lost                   int
	adopted, notSubmitted, overBudget  int
	pictures, retold                   int
	queries, mostQueries               int
	faults                             int
	mostMemory                         int64
}

func (v verdict) table() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 1, ' ', tabwriter.AlignRight)
	for _, row := range []struct {
		name  string
		value int
	}{
		{"lives", v.lives},
		{"of them killed (SIGKILL)", v.kills},
		{"ended by SIGTERM", v.terms},
		{"ended by closing stdin", v.closes},
		{"stopped and continued", v.stops},
		{"faults injected", v.faults},
		{"calls of the client", v.calls},
		{"without an answer", v.lostAnswers},
		{"orders", v.orders},
		{"creates accepted by the service", v.accepted},
		{"of them drawn, so paid", v.paid},
		{"duplicates", v.duplicates},
		{"paid but lost", v.lost},
		{"adopted after a lost answer", v.adopted},
		{"not submitted", v.notSubmitted},
		{"refused by the budget", v.overBudget},
		{"pictures read and compared", v.pictures},
		{"orders found again by the same call", v.retold},
		{"queries, lists, cancels", v.queries},
		{"most of them within one second", v.mostQueries},
		{"most memory of a life, MiB", int(v.mostMemory >> 20)},
	} {
		fmt.Fprintf(w, "%d\t  %s\n", row.value, row.name)
	}
	_ = w.Flush() // a strings.Builder takes everything
	return b.String()
}
