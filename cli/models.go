package cli

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"wan-image-mcp/dashscope"
)

// modelRow is one model of the models command.
type modelRow struct {
	dashscope.Facts
	Region  dashscope.Region `json:"region"`
	Enabled bool             `json:"enabled"`
	Default bool             `json:"default,omitempty"`
	Source  string           `json:"source"`
}

func (p *program) modelsCommand() *cobra.Command {
	var s settings
	var asJSON bool
	cmd := &cobra.Command{
		Use: "models", SuggestFor: []string{"list"},
		Short: "List the models with limits and prices",
		Long: `Lists the models that the region serves: the list price of one image, its usual and
legal sizes, the longest prompt in characters (a Chinese character counts one), how many
orders a second the service takes and how long one takes. No key is needed.`,
		Example: `  wan-image-mcp models
  wan-image-mcp models --region singapore --json`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			if err := s.resolveModels(); err != nil {
				return &usageError{err}
			}
			rows := s.modelRows()
			if asJSON {
				return p.printJSON(rows)
			}
			return p.printModels(rows)
		},
	}
	set(cmd.Flags(), &s.region, "region", string(dashscope.Beijing), regionWords(), "region of the service", dashscope.ParseRegion)
	s.modelFlags(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (s *settings) modelRows() []modelRow {
	var rows []modelRow
	for _, m := range dashscope.Served(nil, s.region) {
		rows = append(rows, modelRow{m.Facts(s.region), s.region, slices.Contains(s.models, m.ID), m.ID == s.defaultModel, m.Source})
	}
	return rows
}

// printModels writes two tables: one would be too wide for a terminal.
func (p *program) printModels(rows []modelRow) error {
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "MODEL\tCNY/IMAGE\tPROMPT\tSIZE\tORDERS/S\tTAKES")
	for _, r := range rows {
		note := ""
		switch {
		case r.Default:
			note = " (default)"
		case !r.Enabled:
			note = " (not enabled)"
		}
		fmt.Fprintf(w, "%s%s\t%s\t%d\t%s\t%g\t%.0f s\n",
			r.Model, note, r.Price(), r.PromptMax, r.DefaultSize, r.PerSecond, r.TypicalSeconds)
	}
	fmt.Fprintln(w, "\nMODEL\tLEGAL SIZES")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%s\n", r.Model, strings.Replace(r.Sizes, ", also ", ",\n\talso ", 1))
	}
	return w.Flush()
}
