package cli

import (
	"errors"
	"os"
	"path/filepath"

	"wan-image-mcp/resources/store"
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

// outputDir is where pictures go for people to find.
func outputDir(goos string, getenv func(string) string, state string) string {
	if pictures := knownPictures(); pictures != "" {
		return filepath.Join(pictures, folderName)
	}
	return store.DefaultOutputDir(goos, getenv("HOME"), getenv, state)
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
