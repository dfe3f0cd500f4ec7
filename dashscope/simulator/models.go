package simulator

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	pathMessages = "/api/v1/services/aigc/image-generation/generation"
	pathPrompt   = "/api/v1/services/aigc/text2image/image-synthesis"
	pathSync     = "/api/v1/services/aigc/multimodal-generation/generation"
)

// A model is one model as one region serves it.
type model struct {
	name      string // the region's own spelling
	title     string
	messages  bool // the messages form and its paths; else the prompt form
	sync      bool // served on pathSync too
	promptMax int
	area      bool // the area rule of wan2.6 and wan2.5; else each side 512 to 1440
	size      string
	perSecond int // submits a second
	running   int // tasks running at once
	took      time.Duration
	price     string
}

// table holds every model with Beijing's spelling, pace and price
// (help.aliyun.com: text-to-image-v2-api-reference, rate-limit, model-pricing).
// took is the middle of the times seen in the reference's examples.
var table = []model{
	{name: "wan2.6-t2i", title: "Wan2.6 text to image", messages: true, sync: true, promptMax: 2100, area: true, size: "1280*1280", perSecond: 1, running: 5, took: 27 * time.Second, price: "0.20"},
	{name: "wan2.5-t2i-preview", title: "Wan2.5 text to image preview", promptMax: 2000, area: true, size: "1280*1280", perSecond: 5, running: 5, took: 20 * time.Second, price: "0.20"},
	{name: "wan2.2-t2i-plus", title: "Wan2.2 text to image plus", promptMax: 500, size: "1024*1024", perSecond: 2, running: 2, took: 14 * time.Second, price: "0.20"},
	{name: "wan2.2-t2i-flash", title: "Wan2.2 text to image flash", promptMax: 500, size: "1024*1024", perSecond: 2, running: 2, took: 7 * time.Second, price: "0.14"},
	{name: "wanx2.1-t2i-plus", title: "Wan2.1 text to image plus", promptMax: 500, size: "1024*1024", perSecond: 2, running: 2, took: 14 * time.Second, price: "0.20"},
	{name: "wanx2.1-t2i-turbo", title: "Wan2.1 text to image turbo", promptMax: 500, size: "1024*1024", perSecond: 2, running: 2, took: 8 * time.Second, price: "0.14"},
	{name: "wanx2.0-t2i-turbo", title: "Wan2.0 text to image turbo", promptMax: 800, size: "1024*1024", perSecond: 2, running: 2, took: 11 * time.Second, price: "0.04"},
}

const negativeMax = 500

// recommended are the sizes that the reference names for the area rule; four
// of them lie below the rule's own minimum and are taken all the same.
var recommended = []string{"1280*1280", "1104*1472", "1472*1104", "960*1696", "1696*960"}

// A region serves its own choice of models.
type region struct {
	id     string // as the task list says it
	models []model
}

// regionNamed follows the rate-limit page of August 2026.
func regionNamed(name string) (region, error) {
	wan26 := func(perSecond int, sync bool) model {
		m := table[0]
		m.perSecond, m.sync = perSecond, sync
		return m
	}
	switch name {
	case "", "beijing":
		return region{"cn-beijing", table}, nil
	case "singapore":
		r := region{id: "ap-southeast-1"}
		prices := map[string]string{
			"wan2.6-t2i": "0.220177", "wan2.5-t2i-preview": "0.220177", "wan2.2-t2i-plus": "0.366962", "wan2.2-t2i-flash": "0.183481",
			"wan2.1-t2i-plus": "0.366962", "wan2.1-t2i-turbo": "0.183481",
		}
		for _, m := range table {
			m.name = strings.Replace(m.name, "wanx2.1", "wan2.1", 1)
			if m.messages {
				m.perSecond = 5
			}
			if price, served := prices[m.name]; served {
				m.price = price
				r.models = append(r.models, m)
			}
		}
		return r, nil
	case "virginia":
		return region{"us-east-1", []model{wan26(5, true)}}, nil
	case "frankfurt":
		return region{"eu-central-1", []model{wan26(1, false)}}, nil
	}
	return region{}, fmt.Errorf("region %q is none of beijing, singapore, virginia, frankfurt", name)
}

func (r region) model(name string) (model, bool) {
	for _, m := range r.models {
		if m.name == name {
			return m, true
		}
	}
	return model{}, false
}

// knownSomewhere tells a model that only this region lacks, or spells
// otherwise, from one that exists nowhere.
func knownSomewhere(name string) bool {
	name = strings.Replace(name, "wan2.1", "wanx2.1", 1)
	_, known := region{models: table}.model(name)
	return known
}

// parseSize understands "W*H" and says whether the model takes it.
func (m model) parseSize(s string) (w, h int, ok bool) {
	ws, hs, found := strings.Cut(s, "*")
	if !found {
		return 0, 0, false
	}
	w, err1 := strconv.Atoi(ws)
	h, err2 := strconv.Atoi(hs)
	if err1 != nil || err2 != nil || w < 1 || h < 1 || w > 4096 || h > 4096 {
		return 0, 0, false
	}
	if !m.area {
		return w, h, 512 <= w && w <= 1440 && 512 <= h && h <= 1440
	}
	return w, h, slices.Contains(recommended, s) || 1280*1280 <= w*h && w*h <= 1440*1440 && w <= 4*h && h <= 4*w
}

func (m model) sizeRule() string {
	if m.area {
		return "The size should be in W*H format, its pixels in [1638400, 2073600] and its aspect ratio in [1:4, 4:1]"
	}
	return "The size should be in W*H format, each side in [512, 1440]"
}
