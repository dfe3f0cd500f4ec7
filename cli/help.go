package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// manualWidth is how wide the manual is, in characters.
const manualWidth = 84

// manual writes what follows a command's description: how to call it, its
// commands, examples and flags, as a manual page does.
func manual(cmd *cobra.Command) error {
	var b strings.Builder
	b.WriteString("USAGE\n")
	if cmd.Runnable() {
		fmt.Fprintf(&b, "  %s\n", cmd.UseLine())
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "  %s COMMAND\n\nCOMMANDS\n", cmd.CommandPath())
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() || sub.Name() == "help" {
				fmt.Fprintf(&b, "  %-*s  %s\n", cmd.Commands()[0].NamePadding(), sub.Name(), sub.Short)
			}
		}
	}
	if cmd.HasExample() {
		fmt.Fprintf(&b, "\nEXAMPLES\n%s\n", cmd.Example)
	}
	if cmd.HasAvailableFlags() {
		b.WriteString("\nFLAGS\n")
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden {
				b.WriteString(flagManual(f))
			}
		})
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\n%s COMMAND --help tells more about a command.\n", cmd.CommandPath())
	}
	_, err := io.WriteString(cmd.OutOrStderr(), b.String())
	return err
}

// flagManual is such as
//
//	-n, --n NUMBER
//	      NUMBER of images, 1 to 4; each is paid for (default 1)
func flagManual(f *pflag.Flag) string {
	head := "  --" + f.Name
	if f.Shorthand != "" {
		head = "  -" + f.Shorthand + ", --" + f.Name
	}
	value, usage := pflag.UnquoteUsage(f)
	if value != "" {
		head += " " + value
	}
	if d := f.DefValue; d != "" && d != "false" && d != "[]" {
		usage += " (default " + d + ")"
	}
	return head + "\n" + wrapped(usage, "        ")
}

// wrapped breaks text into lines that begin with indent.
func wrapped(text, indent string) string {
	var b strings.Builder
	line := indent
	for word := range strings.FieldsSeq(text) {
		if line != indent && len(line)+1+len(word) > manualWidth {
			b.WriteString(line + "\n")
			line = indent
		}
		if line != indent {
			line += " "
		}
		line += word
	}
	b.WriteString(line + "\n")
	return b.String()
}
