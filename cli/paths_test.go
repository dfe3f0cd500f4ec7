package cli

import (
	"os"
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

func TestPicturesDir(t *testing.T) {
	home := t.TempDir()
	env := map[string]string{"HOME": home}
	pictures := func(goos string) string { return picturesDir(goos, func(name string) string { return env[name] }) }
	mkdir := func(names ...string) string {
		t.Helper()
		dir := filepath.Join(append([]string{home}, names...)...)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	if got := pictures("linux"); got != "" {
		t.Errorf("without a pictures folder it is %q, want none", got)
	}
	english := mkdir("Pictures")
	for _, goos := range []string{"linux", "darwin"} {
		if got := pictures(goos); got != english {
			t.Errorf("%s: it is %q, want %q", goos, got, english)
		}
	}
	german := mkdir("Bilder")
	mkdir(".config")
	dirs := filepath.Join(home, ".config", "user-dirs.dirs")
	if err := os.WriteFile(dirs, []byte("# made by xdg-user-dirs-update\nXDG_MUSIC_DIR=\"$HOME/Musik\"\nXDG_PICTURES_DIR=\"$HOME/Bilder\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := pictures("linux"); got != german {
		t.Errorf("with user-dirs.dirs it is %q, want %q", got, german)
	}
	own := mkdir("mine")
	env["XDG_PICTURES_DIR"] = own
	if got := pictures("linux"); got != own {
		t.Errorf("with XDG_PICTURES_DIR it is %q, want %q", got, own)
	}
	// Desktops switch a folder off by pointing it at the home.
	env["XDG_PICTURES_DIR"] = home
	if got := pictures("linux"); got != german {
		t.Errorf("with XDG_PICTURES_DIR at the home it is %q, want %q", got, german)
	}
}
