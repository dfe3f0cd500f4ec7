package dashscope

// Facts are what somebody who chooses a model wants to know of it, in one region,
// under the names that readers of JSON see. Where the region does not serve the
// model, what depends on the region is left out.
//
// The descriptions are for whoever makes a JSON Schema of it.
type Facts struct {
	Model             string      `json:"model"`
	AlsoKnownAs       []string    `json:"also_known_as,omitempty" jsonschema_description:"Other spellings that are understood."`
	Served            bool        `json:"served" jsonschema_description:"Whether the service has it in this region."`
	Regions           []string    `json:"regions,omitempty" jsonschema_description:"Where the service has it."`
	PromptMax         int         `json:"prompt_max,omitempty" jsonschema_description:"Characters of the longest prompt; a Chinese character counts as 1."`
	NegativePromptMax int         `json:"negative_prompt_max,omitempty" jsonschema_description:"Characters of the longest negative_prompt."`
	Sizes             string      `json:"sizes,omitempty" jsonschema_description:"Which sizes it takes, in words."`
	DefaultSize       string      `json:"default_size,omitempty"`
	Shapes            []ShapeFact `json:"shapes,omitempty" jsonschema_description:"The recommended size of each aspect ratio."`
	MaxN              int         `json:"max_n,omitempty" jsonschema_description:"Pictures of one call at most."`
	PriceCNY          float64     `json:"price_cny,omitempty" jsonschema_description:"List price of one picture."`
	PerSecond         float64     `json:"submits_per_second,omitempty" jsonschema_description:"Calls that the service accepts per second and account; more wait in line here."`
	Running           int         `json:"running_at_once,omitempty" jsonschema_description:"Tasks that it works on at once per account."`
	TypicalSeconds    float64     `json:"typical_seconds,omitempty" jsonschema_description:"How long one task usually takes."`
}

// ShapeFact is a [Shape] in words.
type ShapeFact struct {
	AspectRatio string `json:"aspect_ratio"`
	Size        string `json:"size"`
}

// Facts tells what the model takes, and its price and pace in a region.
func (m Model) Facts(region Region) Facts {
	offer, served := m.Offer(region)
	f := Facts{
		Model: m.ID, AlsoKnownAs: m.Aliases, Served: served, Regions: m.regions(),
		PromptMax: m.PromptMax, NegativePromptMax: m.NegativePromptMax,
		Sizes: m.Sizes.String(), DefaultSize: m.DefaultSize.String(), MaxN: m.MaxN,
		PriceCNY: offer.Price.Float64(), PerSecond: offer.SubmitsPerSecond, Running: offer.Running,
		TypicalSeconds: m.Typical.Seconds(),
	}
	for _, s := range m.Shapes {
		f.Shapes = append(f.Shapes, ShapeFact{s.Ratio, s.Size.String()})
	}
	return f
}

// Price is the list price of one picture, 0 where the model is not served.
func (f Facts) Price() CNY { return Yuan(f.PriceCNY) }
