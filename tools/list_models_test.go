package tools_test

import (
	"fmt"
	"testing"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/tools"
)

type modelList struct {
	Region       string
	DefaultModel string `json:"default_model"`
	MaxN         int    `json:"max_n"`
	Models       []struct {
		Model           string
		AlsoKnownAs     []string `json:"also_known_as"`
		Enabled, Served bool
		Regions         []string
		PromptMax       int     `json:"prompt_max"`
		PriceCNY        float64 `json:"price_cny"`
		PerSecond       float64 `json:"submits_per_second"`
		Running         int     `json:"running_at_once"`
		DefaultSize     string  `json:"default_size"`
		Shapes          []struct {
			AspectRatio string `json:"aspect_ratio"`
			Size        string
		}
		ResourceURI string `json:"resource_uri"`
	}
}

func TestListModels(t *testing.T) {
	res := connect(t, newServer(t, tools.Deps{}), "test", "").call(t, "list_models", `{}`)
	a := structured[modelList](t, res)
	if a.Region != "beijing" || a.DefaultModel != "wan2.6-t2i" || a.MaxN != 4 || len(a.Models) != 7 {
		t.Fatalf("got %+v, want the seven models of beijing", a)
	}
	for i, m := range dashscope.Models() {
		got, offer := a.Models[i], m.Offers[dashscope.Beijing]
		if got.Model != m.ID || !got.Enabled || !got.Served || got.PromptMax != m.PromptMax || got.PriceCNY != offer.Price.Float64() ||
			got.PerSecond != offer.SubmitsPerSecond || got.Running != offer.Running || got.DefaultSize != m.DefaultSize.String() ||
			len(got.Shapes) != len(m.Shapes) || got.ResourceURI != "wan://models/"+m.ID || len(got.Regions) != len(m.Offers) {
			t.Errorf("got %+v, want %+v", got, m)
		}
		wantAll(t, text(res), m.ID, fmt.Sprintf("1 to %d characters", m.PromptMax), m.Sizes.String(), "wan://models/"+m.ID)
		for _, s := range m.Shapes {
			wantAll(t, text(res), s.Ratio+" "+s.Size.String())
		}
	}
	wantAll(t, text(res), "wan2.6-t2i: enabled, the default", "price: CNY 0.20 a picture; pace: 1 calls a second, 5 at once; usually about 28 s",
		"wan2.1-t2i-plus (also wanx2.1-t2i-plus): enabled")
}

func TestListOneModel(t *testing.T) {
	c := connect(t, newServer(t, tools.Deps{Region: dashscope.Singapore, Models: []dashscope.Model{model(t, "wan2.6-t2i")}, MaxImages: 2}), "test", "")
	for name, want := range map[string]string{
		"wan2.6-t2i":        "wan2.6-t2i: enabled, the default",
		"wanx2.1-t2i-turbo": "wan2.1-t2i-turbo (also wanx2.1-t2i-turbo): not enabled on this server",
		"wanx2.0-t2i-turbo": "wanx2.0-t2i-turbo: not served in region singapore, only in beijing",
	} {
		res := c.call(t, "list_models", fmt.Sprintf(`{"model": %q}`, name))
		if got := structured[modelList](t, res); len(got.Models) != 1 {
			t.Errorf("%s: got %d models, want one", name, len(got.Models))
		}
		wantAll(t, text(res), want, "Region singapore", "At most 2 pictures a call", "n: 1 to 2")
	}
	for args, want := range map[string]string{
		`{"model": "dall-e"}`: `model "dall-e" is not known: legal are wan2.6-t2i, `,
		`{"model": "wan2.6"}`: `model "wan2.6" is not known, did you mean wan2.6-t2i? Legal are wan2.6-t2i, `,
		`{"models": "x"}`:     `unknown argument "models" (did you mean model?); valid arguments: model`,
	} {
		res := c.call(t, "list_models", args)
		if !res.IsError {
			t.Errorf("%s: is not an error", args)
		}
		wantAll(t, text(res), want)
	}
}
