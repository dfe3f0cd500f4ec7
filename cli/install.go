package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"wan-image-mcp/cli/edit"
)

// installing is what only install has to know.
type installing struct {
	print   bool
	name    string
	command string
	keyFile string
	file    string
	server  *pflag.FlagSet // what the client is to start the server with
}

func (p *program) installCommand() *cobra.Command {
	var (
		s settings
		o serving
		i = installing{server: pflag.NewFlagSet("server", pflag.ContinueOnError)}
	)
	cmd := &cobra.Command{
		Use:   "install CLIENT",
		Short: "Set up an MCP client to use this program",
		Long: `Writes this program into the configuration of an MCP client: claude-desktop,
claude-code, cursor, vscode, codex or gemini. What is there stays, other servers and
comments too; the old text is kept in a file next to it. Done again, it brings the
entry up to date. With --print it only shows what it would write into an empty file.

The flags of serve that are given here, and those set by variables, become the
arguments that the client starts the server with.

No key is ever copied. A client that is started in a shell hands DASHSCOPE_API_KEY on
from there; VS Code asks for the key and keeps it; for the others there is a place
where you put it, or --key-file FILE, which works with every client.`,
		Example: `  wan-image-mcp install claude-desktop --key-file ~/dashscope.key
  wan-image-mcp install cursor --region singapore
  wan-image-mcp install codex --simulate
  wan-image-mcp install vscode --file .vscode/mcp.json
  wan-image-mcp install gemini --print`,
		ValidArgs: clientIDs(),
		Args:      oneClient,
		RunE: func(_ *cobra.Command, args []string) error {
			c, _ := findClient(args[0])
			return p.install(c, &s, &o, i)
		},
	}
	f := cmd.Flags()
	i.flags(f)
	o.answerFlags(i.server)
	s.serviceFlags(i.server)
	s.orderFlags(i.server)
	s.fetchFlags(i.server)
	s.stateFlags(i.server)
	s.log.flags(i.server, "info")
	f.AddFlagSet(i.server)
	return cmd
}

func (i *installing) flags(f *pflag.FlagSet) {
	f.BoolVar(&i.print, "print", false, "show the configuration instead of writing it")
	set(f, &i.name, "name", "wan-image", "NAME", "what the client calls this server", parseServerName)
	f.StringVar(&i.command, "command", "", "`PROGRAM` that the client starts (default this one, with its full path)")
	f.StringVar(&i.keyFile, "key-file", "", "`FILE` that holds the API key and nothing else (default that in "+envKeyFile+")")
	f.StringVar(&i.file, "file", "", "`FILE` to write instead of the client's own for all projects")
}

// serverName keeps a tool's name with the server's before it below the 64
// characters that some models take.
var serverName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$`)

func parseServerName(text string) (string, error) {
	if !serverName.MatchString(text) {
		return "", fmt.Errorf("%q is no name of at most 32 letters, digits, - and _", text)
	}
	return text, nil
}

func oneClient(cmd *cobra.Command, args []string) error {
	hint := cmd.CommandPath() + " CLIENT, where CLIENT is one of " + strings.Join(clientIDs(), ", ")
	switch {
	case len(args) == 0:
		return withHint(usagef("which client?"), "%s", hint)
	case keyLike.MatchString(strings.Join(args, " ")):
		return withHint(usagef("a key does not belong on the command line"), "%s", whereKeysGo)
	case len(args) > 1:
		return withHint(usagef("one client at a time"), "%s", hint)
	}
	if _, ok := findClient(args[0]); !ok {
		return withHint(usagef("there is no client %q", args[0]), "%s", hint)
	}
	return nil
}

// install writes or shows the configuration of a client.
func (p *program) install(c mcpClient, s *settings, o *serving, i installing) error {
	e, err := p.entry(s, o, i)
	if err != nil {
		return &usageError{err}
	}
	path := i.file
	if path == "" {
		path, err = c.file(places{runtime.GOOS, p.getenv})
	} else {
		path, err = filepath.Abs(path)
	}
	if err != nil && !i.print {
		return &usageError{err}
	}
	fresh, err := c.put(nil, i.name, e)
	if err != nil {
		return err
	}
	if i.print {
		if _, err := p.stdout.Write(fresh); err != nil {
			return err
		}
		notes := p.advice(c, s, e)
		if path != "" {
			notes = append([]note{{"file", path, true}}, notes...)
		}
		return advise(p.stderr, notes)
	}
	return p.writeEntry(c, s, path, i.name, e, fresh)
}

// writeEntry puts an entry into the file at path. Where it cannot, it shows what a
// person can paste there.
func (p *program) writeEntry(c mcpClient, s *settings, path, name string, e entry, fresh []byte) error {
	old, err := edit.Read(path)
	if err != nil {
		return fmt.Errorf("configuration of %s: %w", c.title, err)
	}
	text, err := c.put(old, name, e)
	if err != nil {
		err = withHint(fmt.Errorf("%s stays as it is: %w", path, err), "mend it and try again, or put this into it by hand:")
		p.report(err)
		if _, err := p.stdout.Write(fresh); err != nil {
			return err
		}
		return &silentError{}
	}
	if old != nil && string(text) == string(old) {
		return advise(p.stdout, []note{{"as is", path + " has it already", true}})
	}
	_, noFolder := os.Stat(filepath.Dir(path))
	backup, err := edit.Replace(path, old, text, time.Now())
	if err != nil {
		return withHint(fmt.Errorf("%s stays as it is: %w", path, err), "quit %s and try again, or put in what --print shows", c.title)
	}
	notes := []note{{"wrote", path, true}}
	if backup != "" {
		notes = append(notes, note{"backup", backup, true})
	}
	if noFolder != nil {
		notes = append(notes, note{word: "note", text: "There was no such folder before: is " + c.title + " installed?"})
	}
	e.hasKey = c.hasKey(text, name)
	return advise(p.stdout, append(notes, p.advice(c, s, e)...))
}
