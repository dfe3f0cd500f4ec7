package dashscope

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// DefaultModel is the model a request without one goes to.
const DefaultModel = "wan2.6-t2i"

// MaxSeed is the largest seed the service takes; the smallest is 0.
const MaxSeed = 2147483647

// CNY is an amount of money in millionths of a yuan, so that sums stay exact.
type CNY int64

const yuan = 1_000_000

// Yuan is an amount given in yuan, to the nearest millionth.
func Yuan(amount float64) CNY { return CNY(math.Round(amount * yuan)) }

// String writes the amount with at least two decimals: 0.20, 0.220177.
func (c CNY) String() string {
	sign, v := "", c
	if v < 0 {
		sign, v = "-", -v
	}
	decimals := strings.TrimRight(fmt.Sprintf("%06d", v%yuan), "0")
	return fmt.Sprintf("%s%d.%s", sign, v/yuan, decimals+"00"[min(2, len(decimals)):])
}

// Float64 returns the amount in yuan.
func (c CNY) Float64() float64 { return float64(c) / yuan }

// Form is the shape of a model's create request.
type Form string

// The two shapes of a create request. They differ in their path too, and a model
// answers an error on the path of the other one.
const (
	FormMessages Form = "messages" // input.messages, negative_prompt under parameters
	FormPrompt   Form = "prompt"   // input.prompt and input.negative_prompt
)

// Model is one entry of the catalogue: what one model takes, where it is served
// and what it costs there.
type Model struct {
	ID      string   // the spelling users see
	Aliases []string // other spellings of the same model, understood everywhere
	Form    Form

	CreatePath string // below the base URL
	SyncPath   string // of the synchronous endpoint; "" = none

	PromptMax         int // Unicode code points; the service silently cuts what is longer
	NegativePromptMax int // Unicode code points

	Sizes       SizeRule
	DefaultSize Size
	Shapes      []Shape // the recommended size for each aspect ratio
	MaxN        int     // pictures per request, from 1

	Offers map[Region]Offer // where it is served

	// Typical is how long one task takes, a first guess until real ones were seen.
	Typical time.Duration
	// Source is the page the limits come from.
	Source string
}

// Offer is how one region serves a model.
type Offer struct {
	Spelling         string  // the model's name on the wire
	Price            CNY     // per picture made
	SubmitsPerSecond float64 // per main account, all keys together
	Running          int     // tasks in work at once; further ones queue as PENDING
	Sync             bool    // the synchronous endpoint is served too
}

// Shape is a recommended size for an aspect ratio.
type Shape struct {
	Ratio string // "16:9"
	Size  Size
}

const (
	pathMessages = "/services/aigc/image-generation/generation"
	pathPrompt   = "/services/aigc/text2image/image-synthesis"
	pathSync     = "/services/aigc/multimodal-generation/generation"

	reference = "https://help.aliyun.com/en/model-studio/text-to-image-v2-api-reference"
)

// Sizes of wan2.6 and wan2.5. The five recommended ones are the reference's own
// table, four of which lie just below the floor that the same page states.
var (
	areaRule = SizeRule{
		MinPixels: 1280 * 1280, MaxPixels: 1440 * 1440, MaxRatio: 4,
		Also: []Size{{1104, 1472}, {1472, 1104}, {960, 1696}, {1696, 960}},
	}
	areaShapes = []Shape{
		{"1:1", Size{1280, 1280}},
		{"4:3", Size{1472, 1104}},
		{"3:4", Size{1104, 1472}},
		{"16:9", Size{1696, 960}},
		{"9:16", Size{960, 1696}},
	}
)

// Sizes of wan2.2 and older. The reference recommends none; these are the
// largest of each exact ratio, but for 1:1, where the default stands.
var (
	sideRule   = SizeRule{MinSide: 512, MaxSide: 1440}
	sideShapes = []Shape{
		{"1:1", Size{1024, 1024}},
		{"4:3", Size{1440, 1080}},
		{"3:4", Size{1080, 1440}},
		{"16:9", Size{1440, 810}},
		{"9:16", Size{810, 1440}},
	}
)

// The catalogue. Limits: the API reference (see reference) and Qwen Cloud's page
// "Wan v2 - create task". Prices: the pricing page of May 2026. Pace and running
// tasks: the rate-limit page of August 2026. Spelling: both of the latter, which
// say wanx2.1 for Beijing and wan2.1 for Singapore. Typical times: the time
// stamps in the reference's example answers; where a model has none, those of
// the models of its form.
var catalogue = []Model{
	{
		// Synchronous too, except in Frankfurt. Slower pace in Beijing and Frankfurt.
		ID: "wan2.6-t2i", Form: FormMessages, CreatePath: pathMessages, SyncPath: pathSync,
		PromptMax: 2100, NegativePromptMax: 500,
		Sizes: areaRule, DefaultSize: Size{1280, 1280}, Shapes: areaShapes, MaxN: 4,
		Offers: map[Region]Offer{
			Beijing:   {Spelling: "wan2.6-t2i", Price: 200000, SubmitsPerSecond: 1, Running: 5, Sync: true},
			Singapore: {Spelling: "wan2.6-t2i", Price: 220177, SubmitsPerSecond: 5, Running: 5, Sync: true},
			Virginia:  {Spelling: "wan2.6-t2i", Price: 200000, SubmitsPerSecond: 5, Running: 5, Sync: true},
			Frankfurt: {Spelling: "wan2.6-t2i", Price: 200000, SubmitsPerSecond: 1, Running: 5},
		},
		Typical: 27500 * time.Millisecond, Source: reference,
	},
	{
		// No time is published for it; 20 s lies between its two neighbours.
		ID: "wan2.5-t2i-preview", Form: FormPrompt, CreatePath: pathPrompt,
		PromptMax: 2000, NegativePromptMax: 500,
		Sizes: areaRule, DefaultSize: Size{1280, 1280}, Shapes: areaShapes, MaxN: 4,
		Offers: map[Region]Offer{
			Beijing:   {Spelling: "wan2.5-t2i-preview", Price: 200000, SubmitsPerSecond: 5, Running: 5},
			Singapore: {Spelling: "wan2.5-t2i-preview", Price: 220177, SubmitsPerSecond: 5, Running: 5},
		},
		Typical: 20 * time.Second, Source: reference,
	},
	{
		ID: "wan2.2-t2i-plus", Form: FormPrompt, CreatePath: pathPrompt,
		PromptMax: 500, NegativePromptMax: 500,
		Sizes: sideRule, DefaultSize: Size{1024, 1024}, Shapes: sideShapes, MaxN: 4,
		Offers: map[Region]Offer{
			Beijing:   {Spelling: "wan2.2-t2i-plus", Price: 200000, SubmitsPerSecond: 2, Running: 2},
			Singapore: {Spelling: "wan2.2-t2i-plus", Price: 366962, SubmitsPerSecond: 2, Running: 2},
		},
		Typical: 11 * time.Second, Source: reference,
	},
	{
		ID: "wan2.2-t2i-flash", Form: FormPrompt, CreatePath: pathPrompt,
		PromptMax: 500, NegativePromptMax: 500,
		Sizes: sideRule, DefaultSize: Size{1024, 1024}, Shapes: sideShapes, MaxN: 4,
		Offers: map[Region]Offer{
			Beijing:   {Spelling: "wan2.2-t2i-flash", Price: 140000, SubmitsPerSecond: 2, Running: 2},
			Singapore: {Spelling: "wan2.2-t2i-flash", Price: 183481, SubmitsPerSecond: 2, Running: 2},
		},
		Typical: 11 * time.Second, Source: reference,
	},
	{
		ID: "wan2.1-t2i-plus", Aliases: []string{"wanx2.1-t2i-plus"}, Form: FormPrompt, CreatePath: pathPrompt,
		PromptMax: 500, NegativePromptMax: 500,
		Sizes: sideRule, DefaultSize: Size{1024, 1024}, Shapes: sideShapes, MaxN: 4,
		Offers: map[Region]Offer{
			Beijing:   {Spelling: "wanx2.1-t2i-plus", Price: 200000, SubmitsPerSecond: 2, Running: 2},
			Singapore: {Spelling: "wan2.1-t2i-plus", Price: 366962, SubmitsPerSecond: 2, Running: 2},
		},
		Typical: 11 * time.Second, Source: reference,
	},
	{
		ID: "wan2.1-t2i-turbo", Aliases: []string{"wanx2.1-t2i-turbo"}, Form: FormPrompt, CreatePath: pathPrompt,
		PromptMax: 500, NegativePromptMax: 500,
		Sizes: sideRule, DefaultSize: Size{1024, 1024}, Shapes: sideShapes, MaxN: 4,
		Offers: map[Region]Offer{
			Beijing:   {Spelling: "wanx2.1-t2i-turbo", Price: 140000, SubmitsPerSecond: 2, Running: 2},
			Singapore: {Spelling: "wan2.1-t2i-turbo", Price: 183481, SubmitsPerSecond: 2, Running: 2},
		},
		Typical: 11 * time.Second, Source: reference,
	},
	{
		// The x stays: no page spells it otherwise. Beijing only.
		ID: "wanx2.0-t2i-turbo", Form: FormPrompt, CreatePath: pathPrompt,
		PromptMax: 800, NegativePromptMax: 500,
		Sizes: sideRule, DefaultSize: Size{1024, 1024}, Shapes: sideShapes, MaxN: 4,
		Offers: map[Region]Offer{
			Beijing: {Spelling: "wanx2.0-t2i-turbo", Price: 40000, SubmitsPerSecond: 2, Running: 2},
		},
		Typical: 11 * time.Second, Source: reference,
	},
}

// Models returns the catalogue, the default model first. It is a copy.
func Models() []Model {
	all := make([]Model, len(catalogue))
	for i := range catalogue {
		all[i] = catalogue[i].clone()
	}
	return all
}

// LookupModel finds a model by any of its spellings, in any case.
func LookupModel(name string) (Model, bool) {
	m := findModel(name)
	if m == nil {
		return Model{}, false
	}
	return m.clone(), true
}

func findModel(name string) *Model {
	name = strings.ToLower(strings.TrimSpace(name))
	for i := range catalogue {
		if slices.Contains(catalogue[i].spellings(), name) {
			return &catalogue[i]
		}
	}
	return nil
}

// Served returns those of the models that the region serves, in their order. nil
// stands for the whole catalogue. The result is the caller's own.
func Served(models []Model, region Region) []Model {
	if models == nil {
		models = Models()
	}
	var there []Model
	for _, m := range models {
		if _, ok := m.Offer(region); ok {
			there = append(there, m)
		}
	}
	return there
}

// Offer tells how the region serves the model, and false where it does not.
func (m Model) Offer(region Region) (Offer, bool) {
	offer, ok := m.Offers[region.Canonical()]
	return offer, ok
}

// spellings returns the shown spelling and then all others.
func (m *Model) spellings() []string {
	return append([]string{m.ID}, m.Aliases...)
}

// regions names the regions that serve the model, in the order of Regions.
func (m *Model) regions() []string {
	var names []string
	for _, region := range Regions() {
		if _, ok := m.Offers[region]; ok {
			names = append(names, string(region))
		}
	}
	return names
}

func (m *Model) clone() Model {
	c := *m
	c.Aliases = slices.Clone(m.Aliases)
	c.Shapes = slices.Clone(m.Shapes)
	c.Sizes.Also = slices.Clone(m.Sizes.Also)
	c.Offers = maps.Clone(m.Offers)
	return c
}
