package cli

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"wan-image-mcp/dashscope"
)

// flagError words what pflag finds wrong without repeating a secret.
func flagError(cmd *cobra.Command, err error) error {
	help := fmt.Sprintf("%s --help tells the flags", cmd.CommandPath())
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		name := unknown.GetSpecifiedName()
		if shorts := unknown.GetSpecifiedShortnames(); shorts != "" {
			// What follows the letter may be a value, so only the letter is told.
			return withHint(usagef("there is no flag -%s", name), "%s", help)
		}
		if namesSecret(name) && !strings.HasPrefix(name, "idempotency") {
			return withHint(usagef("there is no flag --%s: every user of this computer can read a command line", name),
				"%s", whereKeysGo)
		}
		if meant, _ := meantFlags(cmd.Flags(), name); len(meant) > 0 {
			help = "did you mean --" + strings.Join(meant, " or --") + "? " + help
		}
		return withHint(usagef("there is no flag --%s", name), "%s", help)
	}
	if bad, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return withHint(usagef("--%s: %s", bad.GetFlag().Name, badValue(err)), "%s", help)
	}
	return withHint(&usageError{err: err}, "%s", help)
}

// meantFlags are the flags that a misspelt one most likely stands for: --aspect,
// --ratio and --aspectratio are --aspect-ratio. None may be like it. It is a slip of
// one, and no other word, when it is spelt almost like it or begins like it.
func meantFlags(flags *pflag.FlagSet, name string) (meant []string, isSlip bool) {
	var all []string
	flags.VisitAll(func(f *pflag.Flag) {
		all = append(all, f.Name)
		if len(name) > 2 && strings.Contains("-"+f.Name+"-", "-"+name) {
			meant = append(meant, f.Name)
			isSlip = isSlip || strings.HasPrefix(f.Name, name)
		}
	})
	if no, ok := strings.CutPrefix(name, "no-"); ok && slices.Contains(all, no) {
		return []string{no + "=false"}, true
	}
	if near := dashscope.NearestName(name, all); near != "" {
		return []string{near}, true
	}
	return meant, isSlip
}

// namesSecret reports whether somebody tried to hand over a secret as a flag.
func namesSecret(flag string) bool {
	for _, word := range strings.FieldsFunc(strings.ToLower(flag), func(r rune) bool { return r == '-' || r == '_' }) {
		if slices.Contains([]string{"key", "apikey", "token", "secret", "password", "sk", "authorization"}, word) {
			return true
		}
	}
	return false
}

const whereKeysGo = "put the key into the environment as DASHSCOPE_API_KEY (in an MCP client: into the env block of its " +
	"configuration), or into a file and its path into DASHSCOPE_API_KEY_FILE_PATH"

// badValue is the part of a flag error that tells value and rule.
func badValue(err error) string {
	var bad *pflag.InvalidValueError
	if !errors.As(err, &bad) {
		return err.Error()
	}
	kind := bad.GetFlag().Value.Type()
	if rule, ok := kinds[kind]; ok {
		return fmt.Sprintf("%q is not %s", bad.GetValue(), rule)
	}
	return bad.Unwrap().Error()
}

// kinds words pflag's own types; ours word their errors themselves.
var kinds = map[string]string{
	"bool":     "true or false",
	"int":      "a whole number",
	"int64":    "a whole number",
	"duration": "a duration such as 60s or 2m",
	"float64":  "a number",
}

// noCommand refuses what stands where a command should.
func noCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := cmd.CommandPath() + " --help tells the commands"
	if cmd.Parent() == nil {
		hint += "; a prompt goes to: wan-image-mcp generate \"...\""
	}
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = "did you mean " + strings.Join(near, " or ") + "?"
	}
	if keyLike.MatchString(args[0]) {
		return withHint(usagef("a key does not belong on the command line"), "%s", whereKeysGo)
	}
	return withHint(usagef("there is no command %q", args[0]), "%s", hint)
}

// noArguments is for commands that take none.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if keyLike.MatchString(args[0]) {
		return withHint(usagef("a key does not belong on the command line"), "%s", whereKeysGo)
	}
	return withHint(usagef("%s takes no argument, but got %q", cmd.CommandPath(), args[0]),
		"%s --help tells how to use it", cmd.CommandPath())
}

// checked is a flag whose value is checked where it is set.
type checked[T any] struct {
	at    *T
	kind  string // what the help calls it
	parse func(string) (T, error)
	text  string // as it was set
}

// set makes a flag of at that goes through parse, and gives at its default.
func set[T any](f *pflag.FlagSet, at *T, name, def, kind, usage string, parse func(string) (T, error)) {
	v := &checked[T]{at: at, kind: kind, parse: parse}
	if err := v.Set(def); err != nil {
		panic(fmt.Sprintf("default of --%s: %v", name, err)) // seen by the first test that runs anything
	}
	f.Var(v, name, usage)
}

func (c *checked[T]) Set(text string) error {
	v, err := c.parse(text)
	if err == nil {
		*c.at, c.text = v, text
	}
	return err
}

func (c *checked[T]) Type() string   { return c.kind }
func (c *checked[T]) String() string { return c.text }

// oneOf takes one of a few words.
func oneOf(words ...string) (kind string, parse func(string) (string, error)) {
	return strings.Join(words, "|"), func(text string) (string, error) {
		if !slices.Contains(words, text) {
			return "", fmt.Errorf("%q is none of %s", text, strings.Join(words, ", "))
		}
		return text, nil
	}
}

// between takes a whole number within bounds.
func between(least, most int64) func(string) (int64, error) {
	return func(text string) (int64, error) {
		v, err := strconv.ParseInt(text, 10, 64)
		switch {
		case err != nil:
			return 0, fmt.Errorf("%q is not a whole number", text)
		case v < least:
			return 0, fmt.Errorf("%d is too small: at least %d", v, least)
		case v > most:
			return 0, fmt.Errorf("%d is too large: at most %d", v, most)
		}
		return v, nil
	}
}

func parseSpeed(text string) (float64, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v > 0 && v <= 1e6) {
		return 0, fmt.Errorf("%q is not a number above 0 (10 is ten times faster than life)", text)
	}
	return v, nil
}

func parseGrace(text string) (time.Duration, error) {
	v, err := time.ParseDuration(text)
	if err != nil || v <= 0 {
		return 0, fmt.Errorf("%q is not a duration above 0 such as 60s", text)
	}
	return v, nil
}

func parseAddress(text string) (string, error) {
	_, port, err := net.SplitHostPort(text)
	if err == nil {
		_, err = between(0, 65535)(port)
	}
	if err != nil {
		return "", fmt.Errorf("%q is not HOST:PORT, such as 127.0.0.1:8080", text)
	}
	return text, nil
}

func parseRanges(text string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		prefix, err := netip.ParsePrefix(part)
		if err != nil {
			return nil, fmt.Errorf("%q is no address range, such as 198.18.0.0/15", part)
		}
		all = append(all, prefix)
	}
	return all, nil
}
