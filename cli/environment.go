package cli

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// envPrefix and the flag's name in capitals make the name of its variable.
const envPrefix = "WAN_IMAGE_MCP_"

func envName(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// flagOf is the flag that a variable of ours is named after.
func flagOf(variable string) string {
	return strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(variable, envPrefix), "_", "-"))
}

// environment is the variables that the program was started with.
type environment map[string]string

func newEnvironment(environ []string) environment {
	e := make(environment, len(environ))
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		if _, twice := e[systemName(name)]; !twice { // the first counts, as in os.Getenv
			e[systemName(name)] = value
		}
	}
	return e
}

// systemName is what the system takes a variable's name for: Windows does not tell
// capitals from small letters.
func systemName(name string) string {
	if runtime.GOOS == "windows" {
		return strings.ToUpper(name)
	}
	return name
}

// unfilled is what stands for a value in a client's configuration.
var unfilled = regexp.MustCompile(`^\$(\{[^}]*\}|\w+)$`)

// getenv takes settings that hold nothing but the name of another value as not set:
// clients that find no value hand such words on as they are.
func (e environment) getenv(name string) string {
	value := e[systemName(name)]
	if unfilled.MatchString(value) && (strings.HasPrefix(name, envPrefix) || strings.HasPrefix(name, "DASHSCOPE_")) {
		return ""
	}
	return value
}

// fill sets the flags that the command line left alone.
func (e environment) fill(flags *pflag.FlagSet) error {
	var failed []error
	flags.VisitAll(func(f *pflag.Flag) {
		name := envName(f.Name)
		text := e.getenv(name)
		if f.Changed || text == "" || f.Name == "help" || f.Name == "version" {
			return
		}
		if err := flags.Set(f.Name, text); err != nil {
			failed = append(failed, usagef("%s: %s", name, badValue(err)))
		}
	})
	return errors.Join(failed...)
}

// checkNames looks for variables of ours that are named after no flag of any
// command. What is almost the name of one is a slip, and may have been meant to
// guard money: it is an error. Any other may be for another version of the program
// or for its tests, and is told.
func (e environment) checkNames(root *cobra.Command, stderr io.Writer) error {
	known := pflag.NewFlagSet("all", pflag.ContinueOnError)
	known.String(flagOf(envToken), "", "a variable without a flag")
	addFlags(known, root)
	var failed []error
	for _, name := range slices.Sorted(maps.Keys(e)) {
		flag := flagOf(name)
		if !strings.HasPrefix(name, envPrefix) || known.Lookup(flag) != nil || e.getenv(name) == "" {
			continue
		}
		meant := meantFlags(known, flag)
		for i := range meant {
			meant[i] = envName(meant[i])
		}
		switch {
		case len(meant) > 0:
			failed = append(failed, usagef("there is no setting %s: did you mean %s?", name, strings.Join(meant, " or ")))
		case namesSecret(flag):
			failed = append(failed, withHint(usagef("there is no setting %s", name), "%s", whereKeysGo))
		default:
			fmt.Fprintf(stderr, "Warning: there is no setting %s: it changes nothing\n", name)
		}
	}
	return errors.Join(failed...)
}

// addFlags collects the flags of a command and of those below it.
func addFlags(to *pflag.FlagSet, cmd *cobra.Command) {
	to.AddFlagSet(cmd.Flags())
	for _, c := range cmd.Commands() {
		addFlags(to, c)
	}
}
