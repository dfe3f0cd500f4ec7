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
		if f.Changed || text == "" || !isSetting(f) {
			return
		}
		if err := flags.Set(f.Name, text); err != nil {
			failed = append(failed, usagef("%s: %s", name, badValue(err)))
		}
	})
	return errors.Join(failed...)
}

// isSetting tells a setting from a flag that is only for the command line.
func isSetting(f *pflag.Flag) bool { return f.Name != "help" && f.Name != "version" }

// serviceLink is a variable that Kubernetes and Docker give to containers beside a
// service called wan-image-mcp, or wan-image-mcp-http, to tell its address.
var serviceLink = regexp.MustCompile(`^` + envPrefix + `(\w+_)?(` +
	`SERVICE_(HOST|PORT(_\w+)?)=` +
	`|PORT(_\d+_(TCP|UDP|SCTP))?=(tcp|udp|sctp)://` +
	`|PORT_\d+_(TCP|UDP|SCTP)_(PROTO|PORT|ADDR)=)`)

// checkNames looks for variables of ours that are named after no flag of any
// command. A slip may have been meant to guard money: it is an error. Any other may be
// for another version of the program or for its tests, and is told.
func (e environment) checkNames(root *cobra.Command, stderr io.Writer) error {
	known := pflag.NewFlagSet("all", pflag.ContinueOnError)
	known.String(flagOf(envToken), "", "a variable without a flag")
	addFlags(known, root)
	var failed []error
	for _, name := range slices.Sorted(maps.Keys(e)) {
		flag := flagOf(name)
		isKnown := known.Lookup(flag) != nil && name == envName(flag) // WAN_IMAGE_MCP_Region is another name
		if !strings.HasPrefix(name, envPrefix) || isKnown || e.getenv(name) == "" || serviceLink.MatchString(name+"="+e[name]) {
			continue
		}
		meant, isSlip := meantFlags(known, flag)
		for i := range meant {
			meant[i] = envName(meant[i])
		}
		switch {
		case namesSecret(flag) && len(meant) != 1: // a key must not be put where it is no secret
			failed = append(failed, withHint(usagef("there is no setting %s", name), "%s", whereKeysGo))
		case isSlip:
			failed = append(failed, usagef("there is no setting %s: did you mean %s?", name, strings.Join(meant, " or ")))
		default:
			fmt.Fprintf(stderr, "Warning: there is no setting %s: it changes nothing\n", name)
		}
	}
	return errors.Join(failed...)
}

// addFlags collects the settings of a command and of those below it.
func addFlags(to *pflag.FlagSet, cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if isSetting(f) && to.Lookup(f.Name) == nil {
			to.AddFlag(f)
		}
	})
	for _, c := range cmd.Commands() {
		addFlags(to, c)
	}
}
