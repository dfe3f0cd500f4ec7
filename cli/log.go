package cli

import (
	"io"
	"log/slog"
	"os"

	"github.com/lmittmann/tint"
	"github.com/spf13/pflag"
	"golang.org/x/term"
)

// logging is how the log on stderr looks.
type logging struct {
	level  slog.Level
	format string
}

// flags offers the log's flags; level is the default.
func (l *logging) flags(f *pflag.FlagSet, level string) {
	set(f, &l.level, "log-level", level, "debug|info|warn|error", "how much to log on stderr", parseLevel)
	kind, parse := oneOf("text", "json")
	set(f, &l.format, "log-format", "text", kind, "text for people, json for machines", parse)
}

func parseLevel(text string) (level slog.Level, err error) {
	_, parse := oneOf("debug", "info", "warn", "error")
	if text, err = parse(text); err == nil {
		err = level.UnmarshalText([]byte(text))
	}
	return level, err
}

// logger writes to w.
func (l *logging) logger(w io.Writer, colour bool) *slog.Logger {
	if l.format == "json" {
		return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: l.level}))
	}
	return slog.New(tint.NewTextHandler(w, &tint.Options{Level: l.level, NoColor: !colour, ReplaceAttr: withoutEmpty}))
}

// withoutEmpty leaves out what has nothing to tell a person, such as code="".
func withoutEmpty(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindString && a.Value.String() == "" {
		return slog.Attr{}
	}
	return a
}

// colour reports whether stderr is for eyes and takes colours.
func (p *program) colour() bool {
	file, ok := p.stderr.(*os.File)
	return ok && p.getenv("NO_COLOR") == "" && isTerminal(file) && takesColour(file)
}

// isTerminal reports whether a person is at the other end of a stream.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
