package cli_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wan-image-mcp/dashscope/simulator"
)

// TestDoctor: everything right, and nothing ordered.
func TestDoctor(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	up := newUpstream(t, u, simulatorOptions)
	got := u.mustRun(t, "doctor")
	for _, want := range []string{
		"ok    key       found in DASHSCOPE_API_KEY", "ok    service   " + up.URL, "ok    clock ", "ok    state ", "ok    journal ",
		"ok    disk      pictures take 0.0 of 2147.5 MB", "ok    proxy     none",
	} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("doctor does not say %q:\n%s", want, got.stdout)
		}
	}
	if stats := up.sim.Stats(); stats.Lists != 1 || stats.Accepted+stats.Refused+stats.Queries+stats.Cancels != 0 {
		t.Errorf("doctor asked the service %+v, want one list", stats)
	}
}

// TestDoctorFinds: each trouble is found, and what to do is said.
func TestDoctorFinds(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		set  func(t *testing.T, u *user) []string // returns flags
		code int
		want []string
	}{
		{"wrong key", func(t *testing.T, u *user) []string {
			newUpstream(t, u, simulator.Options{APIKeys: []string{"sk-another0000000000000000000000"}})
			return []string{"--region", "singapore"}
		}, 1, []string{"fail  service", "does not take the key", "--region beijing, virginia, frankfurt, or make a key for singapore"}},
		{"plan key", func(t *testing.T, u *user) []string {
			newUpstream(t, u, simulatorOptions)
			u.env["DASHSCOPE_API_KEY"] = "sk-sp-0000000000000000000000000"
			return nil
		}, 1, []string{"warn  key", "Coding or Token Plan", "mend the key first"}},
		{"quoted key", func(t *testing.T, u *user) []string {
			newUpstream(t, u, simulatorOptions)
			u.env["DASHSCOPE_API_KEY"] = `"` + testKey + `"`
			return nil
		}, 1, []string{"warn  key", "quotation marks", "mend the key first"}},
		{"nobody there", func(t *testing.T, u *user) []string {
			up := newUpstream(t, u, simulatorOptions)
			up.Close()
			return nil
		}, 1, []string{"fail  service", "did not answer as it should"}},
		{"clock", func(t *testing.T, u *user) []string {
			up := newUpstream(t, u, simulatorOptions)
			late := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Date", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))
				up.serve(w, r)
			}))
			t.Cleanup(late.Close)
			u.env["DASHSCOPE_HTTP_BASE_URL"] = late.URL + "/api/v1"
			return nil
		}, 0, []string{"warn  clock", "differs from the service's by 1h0m"}},
		{"clock ahead", func(t *testing.T, u *user) []string {
			up := newUpstream(t, u, simulatorOptions)
			early := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Date", time.Now().Add(time.Hour+30*time.Second).UTC().Format(http.TimeFormat))
				up.serve(w, r)
			}))
			t.Cleanup(early.Close)
			u.env["DASHSCOPE_HTTP_BASE_URL"] = early.URL + "/api/v1"
			return nil
		}, 0, []string{"warn  clock", "differs from the service's by -1h0m"}},
		{"state folder", func(t *testing.T, u *user) []string {
			newUpstream(t, u, simulatorOptions)
			path := filepath.Join(u.home, "file")
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return []string{"--state-dir", path}
		}, 1, []string{"fail  state", "--state-dir"}},
		{"journal", func(t *testing.T, u *user) []string {
			newUpstream(t, u, simulatorOptions)
			if err := os.WriteFile(filepath.Join(u.home, "journal.db"), []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
				t.Fatal(err)
			}
			return []string{"--state-dir", u.home}
		}, 1, []string{"fail  journal", "damaged"}},
		{"quota", func(t *testing.T, u *user) []string {
			newUpstream(t, u, simulatorOptions)
			return []string{"--max-store-bytes", "1000"}
		}, 0, []string{"warn  disk", "--max-store-bytes"}},
		{"no workspace", func(_ *testing.T, u *user) []string {
			u.env["DASHSCOPE_API_KEY"] = testKey
			return []string{"--region", "frankfurt"}
		}, 1, []string{"fail  account", "--workspace"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			u := newUser(t)
			flags := test.set(t, u)
			got := u.run(t, append([]string{"doctor"}, flags...)...)
			if got.code != test.code {
				t.Errorf("doctor ended with %d, want %d:\n%s%s", got.code, test.code, got.stdout, got.stderr)
			}
			for _, want := range test.want {
				if !strings.Contains(got.stdout, want) {
					t.Errorf("doctor does not say %q:\n%s", want, got.stdout)
				}
			}
			if strings.Contains(got.stdout+got.stderr, u.env["DASHSCOPE_API_KEY"]) {
				t.Errorf("doctor shows the key:\n%s%s", got.stdout, got.stderr)
			}
		})
	}
}
