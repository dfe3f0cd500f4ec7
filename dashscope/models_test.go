package dashscope_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wan-image-mcp/dashscope"
)

func TestCatalogueAgreesWithTheReference(t *testing.T) {
	var got [][]string
	for _, m := range dashscope.Models() {
		sizes := fmt.Sprintf("side %d %d", m.Sizes.MinSide, m.Sizes.MaxSide)
		if m.Sizes.MaxPixels > 0 {
			side := map[int]string{1280 * 1280: "1280*1280", 1440 * 1440: "1440*1440"}
			sizes = fmt.Sprintf("area %s %s %g", side[m.Sizes.MinPixels], side[m.Sizes.MaxPixels], m.Sizes.MaxRatio)
		}
		got = append(got, []string{m.ID, m.CreatePath, string(m.Form), sizes, fmt.Sprint(m.PromptMax)})
	}
	if diff := cmp.Diff(table(t, "reference_models.txt"), got); diff != "" {
		t.Error("(-reference +catalogue):\n" + diff)
	}
}

func TestOffersAgreeWithThePages(t *testing.T) {
	var got [][]string
	for _, m := range dashscope.Models() {
		for _, region := range dashscope.Regions() {
			if o, ok := m.Offers[region]; ok {
				got = append(got, []string{
					m.ID, string(region), o.Spelling, o.Price.String(), fmt.Sprint(o.SubmitsPerSecond),
					fmt.Sprint(o.Running), fmt.Sprint(o.Sync),
				})
			}
		}
	}
	if diff := cmp.Diff(table(t, "regions.txt"), got); diff != "" {
		t.Error("(-pages +catalogue):\n" + diff)
	}
}

func TestCatalogueIsSound(t *testing.T) {
	ratios := []string{"1:1", "4:3", "3:4", "16:9", "9:16"}
	for i, m := range dashscope.Models() {
		if i == 0 && m.ID != dashscope.DefaultModel {
			t.Errorf("the first model is %s, want the default", m.ID)
		}
		if !m.Sizes.Allows(m.DefaultSize) || m.NegativePromptMax != 500 || m.MaxN != 4 || m.Source == "" || m.Typical < time.Second {
			t.Errorf("%s: odd entry %+v", m.ID, m)
		}
		for j, shape := range m.Shapes {
			var w, h float64
			_, _ = fmt.Sscanf(shape.Ratio, "%f:%f", &w, &h)
			off := w / h * float64(shape.Size.Height) / float64(shape.Size.Width)
			if shape.Ratio != ratios[j] || !m.Sizes.Allows(shape.Size) || off < 0.98 || off > 1.02 {
				t.Errorf("%s: %s has the size %v", m.ID, shape.Ratio, shape.Size)
			}
		}
		for region, offer := range m.Offers {
			if !slices.Contains(append(m.Aliases, m.ID), offer.Spelling) {
				t.Errorf("%s in %s is spelt %s, which is no spelling of it", m.ID, region, offer.Spelling)
			}
			if offer.Sync && m.SyncPath == "" {
				t.Errorf("%s in %s is synchronous without a path", m.ID, region)
			}
		}
	}
}

func TestLookupModel(t *testing.T) {
	for name, want := range map[string]string{
		"wan2.6-t2i": "wan2.6-t2i", "wanx2.1-t2i-plus": "wan2.1-t2i-plus", " WanX2.1-T2I-Turbo": "wan2.1-t2i-turbo",
		"wan2.1-t2i-plus": "wan2.1-t2i-plus", "wanx2.0-t2i-turbo": "wanx2.0-t2i-turbo", "wanx2.6-t2i": "", "": "",
	} {
		if got, ok := dashscope.LookupModel(name); got.ID != want || ok != (want != "") {
			t.Errorf("LookupModel(%q) = %q, %v; want %q", name, got.ID, ok, want)
		}
	}
}

// Every name of a region asks for the same offer, and none means Beijing.
func TestOffer(t *testing.T) {
	m, _ := dashscope.LookupModel("wanx2.0-t2i-turbo")
	for region, want := range map[dashscope.Region]bool{"": true, "beijing": true, "cn-beijing": true, "singapore": false, "mars": false} {
		offer, ok := m.Offer(region)
		if ok != want || (offer.Price > 0) != want {
			t.Errorf("Offer(%q) = %+v, %v; want one: %v", region, offer, ok, want)
		}
		if got := dashscope.Served([]dashscope.Model{m}, region); (len(got) == 1) != want {
			t.Errorf("Served by %q: %d models, want it there: %v", region, len(got), want)
		}
	}
	if got := len(dashscope.Served(nil, dashscope.Singapore)); got != 6 {
		t.Errorf("Singapore serves %d models, want 6", got)
	}
	if got := len(dashscope.Served([]dashscope.Model{}, dashscope.Singapore)); got != 0 {
		t.Errorf("of no models Singapore serves %d", got)
	}
}

func TestTheCatalogueCannotBeChanged(t *testing.T) {
	before := dashscope.Models()
	m, _ := dashscope.LookupModel("wan2.1-t2i-plus")
	m.Aliases[0], m.Shapes[0].Ratio = "x", "x"
	delete(m.Offers, dashscope.Beijing)
	all := dashscope.Models()
	all[0].Sizes.Also[0] = dashscope.Size{}
	if diff := cmp.Diff(before, dashscope.Models()); diff != "" {
		t.Error("a caller changed it:\n" + diff)
	}
}

func TestCNY(t *testing.T) {
	for amount, want := range map[dashscope.CNY]string{
		0: "0.00", 200000: "0.20", 220177: "0.220177", 40000: "0.04", 1: "0.000001", 1000000: "1.00",
		2500000: "2.50", 12345678: "12.345678", -140000: "-0.14", 123000: "0.123",
	} {
		if got := amount.String(); got != want {
			t.Errorf("CNY(%d) = %s, want %s", int64(amount), got, want)
		}
	}
	for _, amount := range []dashscope.CNY{220177, 366962, 140000, -1, 0, 999999999999} {
		if got := dashscope.Yuan(amount.Float64()); got != amount {
			t.Errorf("Yuan(%v) = %d, want %d", amount.Float64(), int64(got), int64(amount))
		}
	}
}

func TestRegions(t *testing.T) {
	for name, want := range map[string]dashscope.Region{
		"": dashscope.Beijing, "beijing": dashscope.Beijing, "cn-beijing": dashscope.Beijing, " Singapore ": dashscope.Singapore,
		"ap-southeast-1": dashscope.Singapore, "US-EAST-1": dashscope.Virginia, "eu-central-1": dashscope.Frankfurt,
	} {
		if got, err := dashscope.ParseRegion(name); got != want || err != nil {
			t.Errorf("ParseRegion(%q) = %q, %v; want %q", name, got, err, want)
		}
	}
	if _, err := dashscope.ParseRegion("tokyo"); err == nil || !strings.Contains(err.Error(), "legal are beijing") {
		t.Errorf("ParseRegion(tokyo): %v", err)
	}
	for _, c := range []struct {
		region          dashscope.Region
		workspace, want string
	}{
		{"", "", "https://dashscope.aliyuncs.com/api/v1"},
		{dashscope.Singapore, "", "https://dashscope-intl.aliyuncs.com/api/v1"},
		{dashscope.Virginia, "", "https://dashscope-us.aliyuncs.com/api/v1"},
		{dashscope.Beijing, "ws-1", "https://ws-1.cn-beijing.maas.aliyuncs.com/api/v1"},
		{dashscope.Singapore, " ws1 ", "https://ws1.ap-southeast-1.maas.aliyuncs.com/api/v1"},
		{dashscope.Virginia, "ws1", "https://ws1.us-east-1.maas.aliyuncs.com/api/v1"},
		{dashscope.Frankfurt, "ws1", "https://ws1.eu-central-1.maas.aliyuncs.com/api/v1"},
		{dashscope.Frankfurt, "", ""},
		{dashscope.Beijing, "a.b", ""},
		{dashscope.Beijing, "-a", ""},
		{"mars", "", ""},
	} {
		got, err := c.region.BaseURL(c.workspace)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s.BaseURL(%q) = %q, %v; want %q", c.region, c.workspace, got, err, c.want)
		}
	}
}
