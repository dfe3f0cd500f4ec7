package simulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// idPattern is also what keeps an id from being a path.
var idPattern = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// draftPrefix begins the names of files that are being written.
const draftPrefix = ".tmp-"

// A shelf keeps the tasks: in memory, and in a folder too where there is one,
// so that they outlive the process and other processes see them.
type shelf struct {
	dir   string
	tasks map[string]*task
	seen  map[string]stamp // of the files behind tasks
	swept time.Time
}

// A stamp tells whether a file has changed since it was read.
type stamp struct {
	size int64
	mod  time.Time
}

func openShelf(dir string) (*shelf, error) {
	if dir != "" {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("simulator: %w", err)
		}
	}
	sh := &shelf{dir: dir, tasks: map[string]*task{}, seen: map[string]stamp{}}
	return sh, sh.refresh(time.Now())
}

// get returns the task as it stands on disk, or nil.
func (sh *shelf) get(id string) (*task, error) {
	if !idPattern.MatchString(id) {
		return nil, nil
	}
	if t := sh.tasks[id]; sh.dir == "" || t != nil && t.Foreign {
		return t, nil
	}
	info, err := os.Stat(sh.file(id))
	if errors.Is(err, fs.ErrNotExist) {
		sh.forget(id)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	err = sh.read(id, info)
	return sh.tasks[id], err
}

// put keeps the task. Foreign tasks are scenery and stay in memory.
func (sh *shelf) put(t *task) error {
	sh.tasks[t.ID] = t
	if sh.dir == "" || t.Foreign {
		return nil
	}
	body, err := json.Marshal(t)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(sh.dir, draftPrefix+"*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.Write(body)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), sh.file(t.ID))
}

// refresh reads what other processes wrote and, once a minute, drops what the
// service has forgotten.
func (sh *shelf) refresh(now time.Time) error {
	if err := sh.reread(); err != nil {
		return err
	}
	if now.Sub(sh.swept) < time.Minute {
		return nil
	}
	sh.swept = now
	for id, t := range sh.tasks {
		if !t.forgotten(now) {
			continue
		}
		sh.forget(id)
		if sh.dir != "" && !t.Foreign {
			_ = os.Remove(sh.file(id))
		}
	}
	return nil
}

func (sh *shelf) reread() error {
	if sh.dir == "" {
		return nil
	}
	entries, err := os.ReadDir(sh.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), draftPrefix) {
			sh.dropOldDraft(e)
			continue
		}
		id, isTask := strings.CutSuffix(e.Name(), ".json")
		if !isTask || !idPattern.MatchString(id) {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue // another process has just forgotten it
		}
		if err := sh.read(id, info); err != nil {
			return err
		}
	}
	return nil
}

// dropOldDraft removes what a process left that died while it wrote.
func (sh *shelf) dropOldDraft(e fs.DirEntry) {
	if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > time.Hour {
		_ = os.Remove(filepath.Join(sh.dir, e.Name()))
	}
}

func (sh *shelf) read(id string, info fs.FileInfo) error {
	now := stamp{info.Size(), info.ModTime()}
	if sh.seen[id] == now {
		return nil
	}
	body, err := os.ReadFile(sh.file(id))
	if errors.Is(err, fs.ErrNotExist) {
		sh.forget(id)
		return nil
	}
	if err != nil {
		return err
	}
	var t task
	if err := json.Unmarshal(body, &t); err != nil || t.ID != id {
		return fmt.Errorf("%s is not a simulated task; move it away", sh.file(id))
	}
	sh.tasks[id], sh.seen[id] = &t, now
	return nil
}

func (sh *shelf) forget(id string) {
	delete(sh.tasks, id)
	delete(sh.seen, id)
}

func (sh *shelf) file(id string) string {
	return filepath.Join(sh.dir, id+".json")
}
