package cli

import (
	"fmt"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"wan-image-mcp/dashscope"
)

// modelFacts is one row of the models command.
type modelFacts struct {
	Model             string            `json:"model"`
	Aliases           []string          `json:"aliases,omitempty"`
	Enabled           bool              `json:"enabled"`
	Default           bool              `json:"default,omitempty"`
	Region            dashscope.Region  `json:"region"`
	PriceCNY          float64           `json:"price_cny"`
	DefaultSize       string            `json:"default_size"`
	Sizes             string            `json:"sizes"`
	AspectRatios      map[string]string `json:"aspect_ratios"`
	PromptMax         int               `json:"prompt_max"`
	NegativePromptMax int               `json:"negative_prompt_max"`
	MaxImages         int               `json:"max_images"`
	SubmitsPerSecond  float64           `json:"submits_per_second"`
	Running           int               `json:"running"`
	TypicalSeconds    float64           `json:"typical_seconds"`
	Source            string            `json:"source"`
	price             dashscope.CNY
}

func (p *program) modelsCommand() *cobra.Command {
	var s settings
	var asJSON bool
	cmd := &cobra.Command{
		Use: "models", SuggestFor: []string{"list"},
		Short: "List the models with limits and prices",
		Long: `Lists the models that the region serves: the list price of one image, the legal
sizes, the longest prompt in characters (a Chinese character counts one), how many
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

func (s *settings) modelRows() []modelFacts {
	var rows []modelFacts
	for _, m := range dashscope.Served(nil, s.region) {
		offer, _ := m.Offer(s.region)
		row := modelFacts{
			Model: m.ID, Aliases: m.Aliases, Enabled: slices.Contains(s.models, m.ID), Default: m.ID == s.defaultModel,
			Region: s.region, PriceCNY: offer.Price.Float64(), price: offer.Price,
			DefaultSize: m.DefaultSize.String(), Sizes: m.Sizes.String(), AspectRatios: map[string]string{},
			PromptMax: m.PromptMax, NegativePromptMax: m.NegativePromptMax, MaxImages: m.MaxN,
			SubmitsPerSecond: offer.SubmitsPerSecond, Running: offer.Running,
			TypicalSeconds: m.Typical.Seconds(), Source: m.Source,
		}
		for _, shape := range m.Shapes {
			row.AspectRatios[shape.Ratio] = shape.Size.String()
		}
		rows = append(rows, row)
	}
	return rows
}

func (p *program) printModels(rows []modelFacts) error {
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "MODEL\tCNY/IMAGE\tPROMPT\tDEFAULT SIZE\tORDERS/S\tTAKES\tSIZES")
	for _, r := range rows {
		note := ""
		switch {
		case r.Default:
			note = " (default)"
		case !r.Enabled:
			note = " (not enabled)"
		}
		fmt.Fprintf(w, "%s%s\t%s\t%d\t%s\t%g\t%.0f s\t%s\n",
			r.Model, note, r.price, r.PromptMax, r.DefaultSize, r.SubmitsPerSecond, r.TypicalSeconds, r.Sizes)
	}
	return w.Flush()
}
