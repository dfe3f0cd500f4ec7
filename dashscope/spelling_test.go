package dashscope_test

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"wan-image-mcp/dashscope"
)

// knows is a service that knows models under some names and notes what was asked.
type knows struct {
	mu    sync.Mutex
	names []string
	asked []string
}

func (k *knows) RoundTrip(r *http.Request) (*http.Response, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	name := r.URL.Query().Get("model_name")
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		_, rest, _ := strings.Cut(string(body), `"model":"`)
		name, _, _ = strings.Cut(rest, `"`)
	}
	k.asked = append(k.asked, name)
	switch {
	case r.Method == http.MethodGet:
		return response(200, `{"total":0,"data":[]}`), nil
	case slices.Contains(k.names, name):
		return response(200, accepted), nil
	}
	return response(404, fault("ModelNotFound", "Model can not be found.")), nil
}

func TestOtherSpelling(t *testing.T) {
	turbo := dashscope.ImageRequest{Model: "wanx2.1-t2i-turbo", Prompt: "x", N: 1}
	for _, c := range []struct {
		name   string
		region dashscope.Region
		knows  []string
		want   []string // names sent by four creates and a list
		kinds  []error  // of the creates
	}{
		{
			"Beijing's own", dashscope.Beijing,
			[]string{"wanx2.1-t2i-turbo"},
			[]string{"wanx2.1-t2i-turbo", "wanx2.1-t2i-turbo", "wanx2.1-t2i-turbo", "wanx2.1-t2i-turbo", "wanx2.1-t2i-turbo"},
			[]error{nil, nil, nil, nil},
		},
		{
			"Singapore's own", dashscope.Singapore,
			[]string{"wan2.1-t2i-turbo"},
			[]string{"wan2.1-t2i-turbo", "wan2.1-t2i-turbo", "wan2.1-t2i-turbo", "wan2.1-t2i-turbo", "wan2.1-t2i-turbo"},
			[]error{nil, nil, nil, nil},
		},
		{
			"the other one, remembered", dashscope.Beijing,
			[]string{"wan2.1-t2i-turbo"},
			[]string{"wanx2.1-t2i-turbo", "wan2.1-t2i-turbo", "wan2.1-t2i-turbo", "wan2.1-t2i-turbo", "wan2.1-t2i-turbo"},
			[]error{dashscope.ErrOtherSpelling, nil, nil, nil},
		},
		{
			"neither, and no end of trying", dashscope.Beijing, nil,
			[]string{"wanx2.1-t2i-turbo", "wan2.1-t2i-turbo", "wanx2.1-t2i-turbo", "wanx2.1-t2i-turbo", "wanx2.1-t2i-turbo"},
			[]error{dashscope.ErrOtherSpelling, dashscope.ErrModelNotFound, dashscope.ErrModelNotFound, dashscope.ErrModelNotFound},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				service := &knows{names: c.knows}
				client := &dashscope.Client{APIKey: testKey, Region: c.region, Transport: service}
				for i, want := range c.kinds {
					result, err := client.Create(t.Context(), turbo)
					if want == nil {
						if err != nil {
							t.Errorf("create %d: %v", i, err)
						}
						continue
					}
					checkOutcome(t, result, err, dashscope.Refused)
					checkKind(t, err, want)
				}
				_, _ = client.Tasks(t.Context(), dashscope.TaskFilter{Model: "wan2.1-t2i-turbo"})
				if !slices.Equal(service.asked, c.want) {
					t.Errorf("sent %q, want %q", service.asked, c.want)
				}
			})
		})
	}
}

// A model of one spelling has no other to try.
func TestOnlySpelling(t *testing.T) {
	client := &dashscope.Client{APIKey: testKey, Transport: &knows{}}
	result, err := client.Create(t.Context(), flowerShop())
	checkOutcome(t, result, err, dashscope.Refused)
	checkKind(t, err, dashscope.ErrModelNotFound)
}

// Creates that fail side by side all learn the same.
func TestSpellingIsLearntOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := &knows{names: []string{"wan2.1-t2i-plus"}}
		client := &dashscope.Client{APIKey: testKey, Transport: service}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 2 {
					_, err := client.Create(t.Context(), dashscope.ImageRequest{Model: "wan2.1-t2i-plus", Prompt: "x", N: 1})
					if err == nil {
						return
					}
					if !errors.Is(err, dashscope.ErrOtherSpelling) {
						t.Error(err)
					}
				}
				t.Error("two creates were not enough")
			})
		}
		wg.Wait()
	})
}
