package simulator

import "strings"

type listedModels struct {
	Code    *string `json:"code"`
	Message *string `json:"message"`
	Success bool    `json:"success"`
	Output  struct {
		Total    int           `json:"total"`
		PageNo   int           `json:"page_no"`
		PageSize int           `json:"page_size"`
		Models   []listedModel `json:"models"`
	} `json:"output"`
	RequestID string `json:"request_id"`
}

type listedModel struct {
	Model         string        `json:"model"`
	Name          string        `json:"name"`
	Description   string        `json:"description"`
	Provider      string        `json:"provider"`
	Capabilities  []string      `json:"capabilities"`
	Features      []string      `json:"features"`
	Prices        []pricedRange `json:"prices"`
	PublishedTime *string       `json:"published_time"`
	Metadata      struct {
		Response []string `json:"response_modality"`
		Request  []string `json:"request_modality"`
	} `json:"inference_metadata"`
	Info struct {
		ContextWindow      *int `json:"context_window"`
		MaxInputTokens     *int `json:"max_input_tokens"`
		MaxOutputTokens    *int `json:"max_output_tokens"`
		MaxReasoningTokens *int `json:"max_reasoning_tokens"`
	} `json:"model_info"`
}

type pricedRange struct {
	Prices    []price `json:"prices"`
	RangeName string  `json:"range_name"`
}

type price struct {
	Type      string `json:"type"`
	Price     string `json:"price"`
	PriceUnit string `json:"price_unit"`
	PriceName string `json:"price_name"`
}

// listModels serves GET /models with its filters name, model, providers and
// capabilities.
func (s *Simulator) listModels(c *call) reply {
	q := c.r.URL.Query()
	page, ok1 := positive(q.Get("page_no"), 1)
	size, ok2 := positive(q.Get("page_size"), 20)
	if !ok1 || !ok2 {
		return failWith("InvalidParameter", "page_no and page_size must be positive integers")
	}
	size = min(size, pageSizeMax)
	among := func(key, value string) bool {
		for _, v := range q[key] {
			if strings.EqualFold(v, value) {
				return true
			}
		}
		return len(q[key]) == 0
	}
	all := []listedModel{}
	for _, m := range s.region.models {
		if strings.Contains(strings.ToLower(m.name), strings.ToLower(q.Get("name"))) &&
			among("model", m.name) && among("providers", "wan") && among("capabilities", "IG") {
			all = append(all, m.listed())
		}
	}
	a := listedModels{Success: true, RequestID: newID()}
	a.Output.Total, a.Output.PageNo, a.Output.PageSize = len(all), page, size
	first := min(len(all), (min(page, len(all)+1)-1)*size)
	a.Output.Models = all[first:min(first+size, len(all))]
	return answerJSON(a)
}

func (m model) listed() listedModel {
	l := listedModel{
		Model: m.name, Name: m.title, Description: m.title, Provider: "wan",
		Capabilities: []string{"IG"}, Features: []string{"model-experience"},
		Prices: []pricedRange{{[]price{{"image_number", m.price, "每张", "图像生成"}}, "Default"}},
	}
	l.Metadata.Response, l.Metadata.Request = []string{"Image"}, []string{"Text"}
	return l
}
