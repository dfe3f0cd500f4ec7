// Package cli is the command line of wan-image-mcp: one file per command.
//
// It is the outermost room. It alone reads the environment, decides where things
// are kept and opens them; every other package takes what it needs as parameters.
//
// Rules of the output: stdout carries answers (paths, tables, JSON, the protocol),
// stderr everything else. An error is one line that says what went wrong and, after
// it, a line that says what to do. The exit code is 0 for pictures or a clean end,
// 1 for a failure, 2 for a wrong command line or setting.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// program is what the operating system gave to this run.
type program struct {
	environment
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
}

// Run runs one command line and answers with its exit code. It ends when the
// command has ended or ctx is done. The environment is as os.Environ tells it.
func Run(ctx context.Context, args, environ []string, stdin io.Reader, stdout, stderr io.Writer) (code int) {
	p := &program{environment: newEnvironment(environ), stdin: stdin, stdout: stdout, stderr: stderr}
	defer func() {
		if r := recover(); r != nil {
			// The value may hold anything, a key too: the place says enough.
			fmt.Fprintf(stderr, "Error: internal error of type %T\n%s", r, debug.Stack())
			code = exitFailed
		}
	}()
	root := p.root()
	root.SetArgs(append([]string{}, args...)) // never nil: cobra would read os.Args
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return p.report(root.ExecuteContext(ctx))
}

// report tells an error and turns it into an exit code.
func (p *program) report(err error) int {
	if err == nil {
		return exitOK
	}
	if _, ok := errors.AsType[*silentError](err); ok {
		return exitFailed
	}
	fmt.Fprintln(p.stderr, "Error: "+strings.ReplaceAll(hideKeys(err.Error()), "\n", "\n  "))
	if hint, ok := errors.AsType[*hintError](err); ok {
		fmt.Fprintln(p.stderr, "  "+hideKeys(hint.hint))
	}
	if _, ok := errors.AsType[*usageError](err); ok {
		return exitUsage
	}
	return exitFailed
}

// usageError is a mistake in the command line or in a setting.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// hintError is an error with a line that says what to do.
type hintError struct {
	err  error
	hint string
}

func (e *hintError) Error() string { return e.err.Error() }
func (e *hintError) Unwrap() error { return e.err }

// silentError is a failure that was told already.
type silentError struct{}

func (*silentError) Error() string { return "failed" }

func withHint(err error, format string, args ...any) error {
	return &hintError{err: err, hint: fmt.Sprintf(format, args...)}
}

func usagef(format string, args ...any) error {
	return &usageError{err: fmt.Errorf(format, args...)}
}

// keyLike is what the service's keys look like. A key that got into the command
// line by mistake must not get into a log as well.
var keyLike = regexp.MustCompile(`sk-[A-Za-z0-9_-]{6,}`)

func hideKeys(text string) string { return keyLike.ReplaceAllString(text, "[redacted]") }

// root is the command tree; without a command it serves.
func (p *program) root() *cobra.Command {
	root := p.serveCommand("wan-image-mcp")
	root.Short = "Alibaba's Wan text-to-image models for AI agents, over MCP"
	root.Long = rootManual
	root.Example = rootExamples
	root.SilenceErrors = true
	root.SilenceUsage = true
	root.Args = noCommand
	root.SetFlagErrorFunc(flagError)
	root.SetUsageFunc(manual)
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		if cmd.Name() == cobra.ShellCompRequestCmd {
			return nil // a Tab key asks
		}
		return errors.Join(p.checkNames(root, p.stderr), p.fill(cmd.Flags()))
	}
	root.AddCommand(
		p.serveCommand("serve"), p.generateCommand(), p.modelsCommand(), p.taskCommand(),
		p.simulateCommand(), p.doctorCommand(), p.installCommand(), p.versionCommand(),
	)
	root.SuggestionsMinimumDistance = 2
	root.Version = strings.TrimSuffix(readBuild().String(), "\n")
	root.SetVersionTemplate("{{.Version}}\n")
	strict(root)
	return root
}

// strict makes errors of what cobra's own commands answer with a manual.
func strict(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "help":
			c.PersistentPreRunE = noSettings
			c.Args = func(_ *cobra.Command, args []string) error {
				about, rest, err := root.Find(args)
				if err == nil && len(rest) > 0 {
					err = noCommand(about, rest)
				}
				return err
			}
		case "completion":
			c.PersistentPreRunE = noSettings
			c.Args = cobra.ArbitraryArgs
			c.RunE = func(c *cobra.Command, args []string) error {
				if len(args) == 0 {
					return c.Help()
				}
				return withHint(usagef("there is no completion for %q", args[0]), "there is one for bash, zsh, fish and powershell")
			}
		}
	}
}

// noSettings is for what tells how to use the program: no variable keeps it from that.
func noSettings(*cobra.Command, []string) error { return nil }

const rootManual = `wan-image-mcp is an MCP server that gives AI agents Alibaba's Wan text-to-image
models: the tools generate_image, get_task and list_models. Without a command it
serves MCP on stdin and stdout, as MCP clients expect.

A picture that was paid for is never lost and never paid for twice: every order is
written to a journal before it is sent, and it goes on after a crash or a restart.

THE KEY
  The API key of the service comes from the environment, never from a flag:
    DASHSCOPE_API_KEY              the key, sk-...
    DASHSCOPE_API_KEY_FILE_PATH    or a file that holds it
    DASHSCOPE_HTTP_BASE_URL        another address of the service, ending in /api/v1
  Without a key use --simulate: the built-in simulator draws real PNG files and
  costs nothing.

SETTINGS
  Every flag has a variable named after it: --state-dir is WAN_IMAGE_MCP_STATE_DIR,
  --simulate is WAN_IMAGE_MCP_SIMULATE. The flag wins over the variable, the
  variable over the default. An empty variable counts as not set; a misspelt one is
  an error.

FILES
  Orders, pictures and the journal live in the state folder (--state-dir), by
  default wan-image-mcp in $XDG_STATE_HOME or ~/.local/state, on macOS in
  ~/Library/Application Support, on Windows in %LocalAppData%.

EXIT CODES
  0 pictures or a clean end, 1 failed, 2 wrong command line or setting.`

const rootExamples = `  # try it, without a key and without cost
  wan-image-mcp generate --simulate "A flower shop with exquisite windows"

  # what an MCP client runs
  DASHSCOPE_API_KEY=sk-... wan-image-mcp

  # does my key fit my region? costs nothing
  wan-image-mcp doctor --region singapore`
