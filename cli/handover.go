package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/pflag"
)

// entry is how a client is to start the server, as this command line and this
// environment would.
func (p *program) entry(s *settings, o *serving, i installing) (e entry, err error) {
	if e.Command, err = ownPath(i.command); err != nil {
		return e, err
	}
	if err := s.resolve(p.getenv); err != nil {
		return e, err
	}
	if o.outputDir != "" && o.outputDir != "none" {
		if o.outputDir, err = filepath.Abs(o.outputDir); err != nil {
			return e, err
		}
	}
	e.Args = arguments(i.server)
	if s.simulate {
		return e, nil
	}
	e.Env = map[string]string{}
	if err := p.address(s, e.Env); err != nil {
		return e, err
	}
	if i.keyFile == "" {
		i.keyFile = p.getenv(envKeyFile)
	}
	if e.wantsKey = i.keyFile == ""; e.wantsKey {
		return e, nil
	}
	e.Env[envKeyFile], err = filepath.Abs(i.keyFile)
	if err != nil {
		return e, err
	}
	key, _, err := readKeyFile(i.keyFile)
	if err == nil {
		err = checkKey(key, i.keyFile)
	}
	if err != nil {
		return e, withHint(fmt.Errorf("file with the key: %w", err), "make it with the key in it and nothing else, readable by you only")
	}
	return e, nil
}

// address hands on an address of the service that replaces the region's, and
// finds a region that has none.
func (p *program) address(s *settings, env map[string]string) error {
	for _, name := range []string{envBase, envBaseOld} {
		if text := p.getenv(name); text != "" {
			base, err := checkBase(text, name)
			env[envBase] = base
			return err
		}
	}
	_, err := s.region.BaseURL(s.workspace)
	return err
}

// ownPath is the program to start: a path for clients, which start elsewhere. The
// one on the PATH is better than a place that an update moves.
func ownPath(command string) (string, error) {
	if command != "" {
		if filepath.Base(command) == command {
			return command, nil
		}
		return filepath.Abs(command)
	}
	self, err := os.Executable()
	if err != nil {
		return "", withHint(fmt.Errorf("this program's own path: %w", err), "name it with --command")
	}
	if passing(self) {
		return "", withHint(errors.New("go run keeps this program for a short time only, so a client could not start it for long"),
			"build it (go build . or go install .) and run install with that, or name it with --command")
	}
	if found, err := exec.LookPath(filepath.Base(self)); err == nil && filepath.IsAbs(found) && sameFile(found, self) {
		return found, nil
	}
	return self, nil
}

// cachedProgram is the folder in Go's cache from which go run starts a program
// since Go 1.24. The cache is emptied from time to time.
var cachedProgram = regexp.MustCompile(`^[0-9a-f]{64}-d$`)

// passing reports whether the program at path is one that go run has built.
func passing(path string) bool {
	dir := filepath.Dir(path)
	return filepath.Base(dir) == "exe" && strings.Contains(dir, "go-build") || cachedProgram.MatchString(filepath.Base(dir))
}

func sameFile(a, b string) bool {
	first, err := os.Stat(a)
	if err != nil {
		return false
	}
	second, err := os.Stat(b)
	return err == nil && os.SameFile(first, second)
}

// arguments are the flags that were given, by the command line or by variables.
func arguments(f *pflag.FlagSet) []string {
	var args []string
	f.VisitAll(func(f *pflag.Flag) {
		value := f.Value.String()
		if list, ok := f.Value.(pflag.SliceValue); ok {
			value = strings.Join(list.GetSlice(), ",")
		}
		switch {
		case !f.Changed:
		case f.Value.Type() == "bool" && value == "true":
			args = append(args, "--"+f.Name)
		case f.Value.Type() == "bool", strings.HasPrefix(value, "-"), value == "":
			args = append(args, "--"+f.Name+"="+value)
		default:
			args = append(args, "--"+f.Name, value)
		}
	})
	return args
}

// note is a word and what there is to say under it.
type note struct {
	word, text string
	whole      bool // the text is a path, or has one: it stays on its line
}

// advice is what a user has to know.
func (p *program) advice(c mcpClient, s *settings, e entry) []note {
	notes := []note{p.keyNote(c, s, e)}
	if p.getenv("HTTPS_PROXY")+p.getenv("https_proxy") != "" && !s.simulate {
		notes = append(notes, note{word: "proxy", text: "HTTPS_PROXY is set here, but not every client hands it on: " +
			"where the service cannot be reached, add it to the server's env."})
	}
	return append(notes, note{word: "next", text: c.next})
}

// keyNote is how the key gets to the server.
func (p *program) keyNote(c mcpClient, s *settings, e entry) note {
	file := e.Env[envKeyFile]
	switch {
	case s.simulate:
		return note{word: "key", text: "None is needed: this is the simulator, with real PNG files and no cost."}
	case e.hasKey:
		return note{word: "key", text: "The one that is in the file stays there."}
	case file == "":
		return note{word: "key", text: c.keyNote}
	}
	text := "The server reads it from " + file
	if _, open, err := readKeyFile(file); err == nil && open {
		text += ", which other users can read: chmod 600 it"
	}
	return note{word: "key", text: text, whole: true}
}

// advise writes notes as paragraphs.
func advise(w io.Writer, notes []note) error {
	const indent = "        "
	var b strings.Builder
	for _, n := range notes {
		text := indent + n.text + "\n"
		if !n.whole {
			text = wrapped(n.text, indent)
		}
		b.WriteString(n.word + text[len(n.word):])
	}
	_, err := io.WriteString(w, b.String())
	return err
}
