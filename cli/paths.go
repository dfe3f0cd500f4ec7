package cli

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"
	"strings"
)

const folderName = "wan-image-mcp"

var errNoHome = errors.New("there is no home folder to keep orders and pictures in")

// stateDir is where orders and pictures are kept by default on the given system.
func stateDir(goos string, getenv func(string) string) (string, error) {
	home := getenv("HOME")
	switch goos {
	case "windows":
		if dir := getenv("LOCALAPPDATA"); dir != "" {
			return filepath.Join(dir, folderName), nil
		}
		return "", withHint(errNoHome, "set LOCALAPPDATA, or name a folder with --state-dir")
	case "darwin", "ios":
		if home != "" {
			return filepath.Join(home, "Library", "Application Support", folderName), nil
		}
	default:
		if dir := getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
			return filepath.Join(dir, folderName), nil
		}
		if home != "" {
			return filepath.Join(home, ".local", "state", folderName), nil
		}
	}
	return "", withHint(errNoHome, "set HOME, or name a folder with --state-dir")
}

// picturesDir is the user's own folder for pictures, "" when there is none.
func picturesDir(goos string, getenv func(string) string) string {
	home := getenv("HOME")
	var places []string
	switch goos {
	case "windows":
		places = append(places, knownPictures(), filepath.Join(getenv("USERPROFILE"), "Pictures"))
	case "darwin", "ios":
		places = append(places, filepath.Join(home, "Pictures"))
	default:
		config := getenv("XDG_CONFIG_HOME")
		if config == "" {
			config = filepath.Join(home, ".config")
		}
		places = append(places, getenv("XDG_PICTURES_DIR"),
			userDir(filepath.Join(config, "user-dirs.dirs"), "XDG_PICTURES_DIR", home), filepath.Join(home, "Pictures"))
	}
	for _, dir := range places {
		if info, err := os.Stat(dir); filepath.IsAbs(dir) && err == nil && info.IsDir() && !samePath(dir, home) {
			return dir
		}
	}
	return ""
}

// samePath tells a folder that was switched off: desktops point it at the home.
func samePath(a, b string) bool { return filepath.Clean(a) == filepath.Clean(b) }

// userDir reads one line such as XDG_PICTURES_DIR="$HOME/Bilder".
func userDir(file, name, home string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		value, ok := strings.CutPrefix(strings.TrimSpace(lines.Text()), name+"=")
		if ok {
			return strings.Replace(strings.Trim(value, `"`), "$HOME", home, 1)
		}
	}
	return ""
}

// canWrite makes the folder and reports whether files can be made in it.
func canWrite(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	probe, err := os.CreateTemp(dir, ".wan-image-mcp-*")
	if err != nil {
		return err
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}
