package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/resources/store"
	"wan-image-mcp/tasks/journal"
)

// finding is what one check of the doctor found.
type finding struct {
	grade string // ok, warn or fail
	what  string
	text  string
	do    string // what to do about it
}

func (p *program) doctorCommand() *cobra.Command {
	var s settings
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check key, region, network, clock and disk, and say what to do",
		Long: `Checks what usually goes wrong: the key, whether it fits the region (with one
question to the service that costs nothing; nothing is ever ordered), the proxy, the
clock, the state folder and the disk. It ends with 1 when something must be mended.`,
		Example: `  wan-image-mcp doctor
  wan-image-mcp doctor --region singapore --workspace ws-1234`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.resolve(p.getenv); err != nil {
				return err
			}
			return p.printFindings(p.examine(cmd.Context(), &s))
		},
	}
	s.regionFlags(cmd.Flags())
	s.stateFlags(cmd.Flags())
	return cmd
}

func (p *program) printFindings(all []finding) error {
	failed := 0
	for _, f := range all {
		fmt.Fprintf(p.stdout, "%-4s  %-8s  %s\n", f.grade, f.what, hideKeys(f.text))
		if f.do != "" {
			fmt.Fprintf(p.stdout, "%16s  %s\n", "", f.do)
		}
		if f.grade == "fail" {
			failed++
		}
	}
	if failed > 0 {
		return &silentError{}
	}
	return nil
}

// examine makes all checks, the ones that need no network first.
func (p *program) examine(ctx context.Context, s *settings) []finding {
	all := p.examineDisk(s)
	a, err := p.account(s)
	if err != nil {
		return append(all, failure("account", err))
	}
	all = append(all, examineKey(a)...)
	all = append(all, p.examineProxy(ctx, a))
	if a.key == "" {
		return all
	}
	return append(all, examineService(ctx, s, a)...)
}

// failure is an error as a finding, with its hint as what to do.
func failure(what string, err error) finding {
	f := finding{grade: "fail", what: what, text: err.Error()}
	if hint := (*hintError)(nil); errors.As(err, &hint) {
		f.do = hint.hint
	}
	return f
}

func examineKey(a account) []finding {
	var all []finding
	switch trouble := keyTrouble(a.key.Reveal()); {
	case a.key == "":
		return []finding{{"fail", "key", "there is no API key", whereKeysGo}}
	case trouble != "":
		all = append(all, finding{"warn", "key", trouble, "look at the value of " + a.keyFrom})
	default:
		all = append(all, finding{"ok", "key", "found in " + a.keyFrom + ", and it looks like one", ""})
	}
	if a.keyOpen != "" {
		all = append(all, finding{"warn", "key", "other users can read " + a.keyOpen, "chmod 600 " + quoted(a.keyOpen)})
	}
	return all
}

func (p *program) examineProxy(ctx context.Context, a account) finding {
	for _, name := range []string{"HTTPS_PROXY", "https_proxy"} {
		if !isProxy(p.getenv(name)) { // net/http would ignore it without a word
			return finding{"fail", "proxy", "the environment names a proxy that is no address", "look at " + name}
		}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.base, http.NoBody)
	if err != nil {
		return failure("proxy", err)
	}
	proxy, err := http.ProxyFromEnvironment(request)
	switch {
	case err != nil:
		return failure("proxy", err)
	case proxy == nil:
		return finding{"ok", "proxy", "none: " + request.URL.Host + " is asked directly", ""}
	}
	return finding{"ok", "proxy", proxy.Host + ", from the environment", ""}
}

// isProxy reports whether net/http can use the value, which may lack its scheme.
func isProxy(value string) bool {
	for _, text := range []string{value, "http://" + value} {
		if u, err := url.Parse(text); err == nil && u.Scheme != "" && u.Host != "" {
			return true
		}
	}
	return value == ""
}

// examineService asks the service once for the newest task, which is free.
func examineService(ctx context.Context, s *settings, a account) []finding {
	client := &dashscope.Client{APIKey: a.key, Region: s.region, Workspace: s.workspace, BaseURL: a.base}
	started := time.Now()
	_, err := client.Tasks(ctx, dashscope.TaskFilter{Page: 1, PageSize: 1})
	took := time.Since(started).Round(time.Millisecond)
	where := fmt.Sprintf("region %s at %s", s.region, a.base)
	if a.baseFrom != "" {
		where = fmt.Sprintf("%s (from %s)", a.base, a.baseFrom)
	}
	answer := finding{"ok", "service", fmt.Sprintf("%s takes the key; it answered in %s", where, took), ""}
	switch {
	case errors.Is(err, dashscope.ErrUnauthorized):
		answer = finding{"fail", "service", where + " does not take the key: " + err.Error(), otherKey(s, a)}
	case err != nil:
		answer = finding{
			"fail", "service", where + " did not answer as it should: " + err.Error(),
			"check the network, HTTPS_PROXY and " + envBase,
		}
	}
	if ahead, known := client.ClockOffset(); known {
		return []finding{answer, examineClock(-ahead)}
	}
	return []finding{answer}
}

// otherKey is what to do when the service does not take the key.
func otherKey(s *settings, a account) string {
	if keyTrouble(a.key.Reveal()) != "" {
		return "mend the key first, see above"
	}
	var others []string
	for _, r := range dashscope.Regions() {
		if r != s.region {
			others = append(others, string(r))
		}
	}
	return "a key works in one region only: try --region " + strings.Join(others, ", ") + ", or make a key for " + string(s.region)
}

// clockTolerance is how far clocks may differ before it matters: links and ids
// live for 24 hours, so a minute does no harm.
const clockTolerance = time.Minute

func examineClock(off time.Duration) finding {
	if off.Abs() <= clockTolerance {
		return finding{"ok", "clock", "agrees with the service's", ""}
	}
	return finding{
		"warn", "clock", fmt.Sprintf("differs from the service's by %s", off.Round(time.Second)),
		"let the system set its clock by the network; times of expiry are wrong until then",
	}
}

// examineDisk looks at the state folder, the journal in it, and the room for pictures.
func (p *program) examineDisk(s *settings) []finding {
	dir := s.place()
	if err := makeState(dir); err != nil {
		return []finding{failure("state", err)}
	}
	if err := canWrite(dir); err != nil {
		return []finding{{"fail", "state", err.Error(), "name a folder that can be written with --state-dir"}}
	}
	all := []finding{{"ok", "state", dir, ""}}
	if j, err := journal.Open(filepath.Join(dir, "journal.db")); err != nil {
		all = append(all, failure("journal", err))
	} else if err := j.Close(); err != nil {
		all = append(all, failure("journal", err))
	} else {
		all = append(all, finding{"ok", "journal", "can be read and written", ""})
	}
	return append(all, examinePictures(filepath.Join(dir, "pictures"), s.maxStore))
}

// largePicture is the room that one more picture may need.
const largePicture = 25 << 20

func examinePictures(dir string, most int64) finding {
	folder, err := store.Open(dir, store.Options{MaxBytes: most})
	if err != nil {
		return failure("disk", err)
	}
	defer folder.Close()
	used, err := folder.Used()
	if err != nil {
		return failure("disk", err)
	}
	text := fmt.Sprintf("pictures take %.1f of %.1f MB", float64(used)/1e6, float64(most)/1e6)
	switch err := folder.Room(largePicture); {
	case errors.Is(err, store.ErrNoSpace):
		return finding{
			"warn", "disk", text + ": " + err.Error(),
			"free space, or raise --max-store-bytes; pictures that were delivered make room by themselves",
		}
	case err != nil:
		return failure("disk", err)
	}
	return finding{"ok", "disk", text, ""}
}
