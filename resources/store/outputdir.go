package store

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"
)

// DefaultOutputDir is where pictures go for people to find: a folder
// wan-image-mcp in the user's pictures folder where there is one, else the folder
// output in stateDir. It creates nothing.
func DefaultOutputDir(goos, home string, getenv func(string) string, stateDir string) string {
	dir := picturesDir(goos, home, getenv)
	if info, err := os.Stat(dir); err == nil && info.IsDir() && filepath.IsAbs(dir) {
		return filepath.Join(dir, "wan-image-mcp")
	}
	return filepath.Join(stateDir, "output")
}

// picturesDir is where the pictures folder would be, "" for nowhere.
func picturesDir(goos, home string, getenv func(string) string) string {
	switch goos {
	case "windows":
		home = cmp.Or(getenv("USERPROFILE"), home)
	case "darwin":
	default:
		if dir, told := xdgPictures(home, getenv); told {
			return dir
		}
	}
	return filepath.Join(home, "Pictures")
}

// xdgPictures asks the settings of the desktop (man user-dirs.dirs). told is
// true where they answer, even if with "none", which they spell as the home
// directory itself.
func xdgPictures(home string, getenv func(string) string) (dir string, told bool) {
	dir = cmp.Or(getenv("XDG_PICTURES_DIR"), userDirsFile(home, getenv("XDG_CONFIG_HOME")))
	if rest, ok := strings.CutPrefix(dir, "$HOME"); ok {
		dir = home + rest
	}
	switch {
	case !filepath.IsAbs(dir):
		return "", false
	case filepath.Clean(dir) == filepath.Clean(home):
		return "", true
	}
	return dir, true
}

// userDirsFile reads XDG_PICTURES_DIR="$HOME/Pictures" out of user-dirs.dirs.
func userDirsFile(home, config string) string {
	if config == "" {
		config = filepath.Join(home, ".config")
	}
	text, err := os.ReadFile(filepath.Join(config, "user-dirs.dirs"))
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "XDG_PICTURES_DIR="); ok {
			return strings.Trim(value, `"`)
		}
	}
	return ""
}
