package cli

import (
	"path/filepath"
	"testing"
)

func TestStateDir(t *testing.T) {
	for _, test := range []struct {
		goos string
		env  map[string]string
		want string // "" means an error
	}{
		{"linux", map[string]string{"HOME": "/home/ann"}, "/home/ann/.local/state/wan-image-mcp"},
		{"linux", map[string]string{"HOME": "/home/ann", "XDG_STATE_HOME": "/data/state"}, "/data/state/wan-image-mcp"},
		{"linux", map[string]string{"HOME": "/home/ann", "XDG_STATE_HOME": "not/absolute"}, "/home/ann/.local/state/wan-image-mcp"},
		{"linux", nil, ""},
		{"darwin", map[string]string{"HOME": "/Users/ann", "XDG_STATE_HOME": "/data"}, "/Users/ann/Library/Application Support/wan-image-mcp"},
		{"darwin", nil, ""},
		{"windows", map[string]string{"LOCALAPPDATA": "/c/AppData/Local", "HOME": "/c/ann"}, "/c/AppData/Local/wan-image-mcp"},
		{"windows", map[string]string{"HOME": "/c/ann"}, ""},
	} {
		got, err := stateDir(test.goos, func(name string) string { return test.env[name] })
		if (err == nil) != (test.want != "") || filepath.ToSlash(got) != test.want {
			t.Errorf("stateDir(%s, %v) = %q, %v, want %q", test.goos, test.env, got, err, test.want)
		}
	}
}
