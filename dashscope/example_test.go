package dashscope_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"wan-image-mcp/dashscope"
)

// service stands for DashScope, so that the examples run without a key and
// without a network. Leave Transport out to reach the real one.
type service struct{}

func (service) RoundTrip(r *http.Request) (*http.Response, error) {
	body := `{"output":{"task_id":"c0ffee","task_status":"PENDING"},"request_id":"r1"}`
	if r.Method == http.MethodGet {
		body = `{"output":{"task_id":"c0ffee","task_status":"SUCCEEDED","choices":[{"message":{"content":[
			{"image":"https://pictures.example/flower-shop.png?Expires=1&Signature=s","type":"image"}]}}]},
			"usage":{"image_count":1,"size":"1280*1280"},"request_id":"r2"}`
	}
	return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// One picture, from the request to its link. Between the queries of a real task a
// caller waits; a picture takes from ten seconds to a few minutes.
func Example() {
	ctx := context.Background()
	client := &dashscope.Client{APIKey: "sk-...", Region: dashscope.Beijing, Transport: service{}}

	task, err := client.Create(ctx, dashscope.ImageRequest{
		Prompt: "A flower shop with exquisite windows",
		N:      1, // always say how many: the service's default is four
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(task.TaskID, task.Status)

	result, err := client.Task(ctx, task.TaskID)
	if err != nil {
		fmt.Println(err)
		return
	}
	if result.Status.Terminal() && result.Err() == nil {
		fmt.Println(result.Status, result.ImageCount, result.Size, result.Images[0].URL)
	}
	// Output:
	// c0ffee PENDING
	// SUCCEEDED 1 1280*1280 [redacted]
}

// What to do after a create that failed hangs on what became of it.
func ExampleClient_Create_errors() {
	client := &dashscope.Client{APIKey: "sk-...", Transport: throttled{}}
	_, err := client.Create(context.Background(), dashscope.ImageRequest{Prompt: "a cat", N: 1})
	switch {
	case errors.Is(err, dashscope.ErrMayBeAccepted):
		fmt.Println("look for the task with client.Tasks; do not create again")
	case errors.Is(err, dashscope.ErrThrottled), errors.Is(err, dashscope.ErrNotSent):
		fmt.Println("create again later")
	case err != nil:
		fmt.Println("change the request")
	}
	// Output: create again later
}

type throttled struct{}

func (throttled) RoundTrip(*http.Request) (*http.Response, error) {
	body := `{"code":"Throttling.RateQuota","message":"Requests rate limit exceeded, please try again later."}`
	return &http.Response{StatusCode: 429, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// Every violation is one sentence that says what would be legal.
func ExampleImageRequest_Validate() {
	request := dashscope.ImageRequest{Prompt: "a cat", Size: "2048*1152", N: 5}
	for _, v := range request.Validate(dashscope.Beijing) {
		fmt.Println(v.Text)
	}
	// Output:
	// size 2048*1152 has 2359296 pixels; wan2.6-t2i takes at most 2073600: for 16:9 use 1696*960, or 1920*1080, the nearest legal size
	// n is 5; wan2.6-t2i makes 1 to 4 pictures per request, each of which is billed
}

func ExampleModels() {
	for _, m := range dashscope.Models() {
		if offer, ok := m.Offers[dashscope.Singapore]; ok {
			fmt.Println(m.ID, offer.Price, m.DefaultSize)
		}
	}
	// Output:
	// wan2.6-t2i 0.220177 1280*1280
	// wan2.5-t2i-preview 0.220177 1280*1280
	// wan2.2-t2i-plus 0.366962 1024*1024
	// wan2.2-t2i-flash 0.183481 1024*1024
	// wan2.1-t2i-plus 0.366962 1024*1024
	// wan2.1-t2i-turbo 0.183481 1024*1024
}
