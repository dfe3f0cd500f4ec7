package dashscope_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"wan-image-mcp/dashscope"
)

func TestSecretIsNeverPrinted(t *testing.T) {
	const canary = "canary"
	s := dashscope.Secret(canary)
	holder := struct {
		Key  dashscope.Secret
		Keys []dashscope.Secret
		Map  map[string]dashscope.Secret
		Ptr  *dashscope.Secret
	}{s, []dashscope.Secret{s}, map[string]dashscope.Secret{"k": s}, &s}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%20s"} {
		fmt.Fprintf(&out, verb+"\n", s)
		fmt.Fprintf(&out, verb+"\n", holder)
	}
	fmt.Fprintln(&out, s, holder, dashscope.Image{URL: s}, &dashscope.Client{APIKey: s})
	for _, v := range []any{s, holder, dashscope.Image{URL: s}} {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(data)
	}
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("m", "secret", s, "holder", holder, "group", slog.GroupValue(slog.Any("s", s)))
	}
	if strings.Contains(out.String(), canary) || strings.Contains(out.String(), fmt.Sprintf("%x", canary)) {
		t.Errorf("the secret is in:\n%s", out.String())
	}
	if s.Reveal() != canary {
		t.Error("Reveal does not give the value")
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"Invalid API-key provided.":                                         "Invalid API-key provided.",
		"see https://help.aliyun.com/zh/model-studio/error-code#x for more": "see [link] for more",
		"x HTTPS://A.example/p?Signature=abc y":                             "x [link] y",
		"oss.example/p.png?Expires=1&Signature=canary end":                  "[link] end",
		"a\u200bb\u202ec\ufeffd\u2066e":                                     "abcde",
		"ht\u200btps://a.example/x?Signature=s":                             "[link]",
		"line one\r\nline\ttwo\u2028three":                                  "line one line two three",
		"bell\a esc\x1b[31m nul\x00":                                        "bell esc[31m nul",
		"key sk-abcdef0123 and Bearer xyz.123":                              "key [redacted] and [redacted]",
		"risk-free disk-space task-list":                                    "risk-free disk-space task-list",
		"bad \xff utf8":                                                     "bad utf8",
		"画家 🎨":                                                              "画家 🎨",
		"":                                                                  "",
	} {
		if got := dashscope.Clean(in); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
	got := dashscope.Clean(strings.Repeat("画", 100000))
	if n := utf8.RuneCountInString(got); n != 300 || !strings.HasSuffix(got, "…") {
		t.Errorf("a long text has %d code points", n)
	}
}

// Whatever the service or the network puts into its texts, errors and logs show
// neither key nor link.
func TestNoCanaryInErrorsAndLogs(t *testing.T) {
	const link = "https://pictures.example/p.png?Expires=1&Signature=linkcanary"
	var log bytes.Buffer
	var all []string
	key := dashscope.Secret(testKey)
	use := func(do transport) {
		c := client(do)
		c.APIKey = key
		c.Logger = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		_, err := c.Create(t.Context(), flowerShop())
		all = append(all, fmt.Sprintf("%v %+v %#v", err, err, err))
		_, err = c.Task(t.Context(), testID)
		all = append(all, fmt.Sprint(err))
		_, err = c.Tasks(t.Context(), dashscope.TaskFilter{Start: time.Now()})
		all = append(all, fmt.Sprint(err))
	}
	use(always(200, readFile(t, "answers", "task_results.json")))
	use(always(401, `{"code":"InvalidApiKey `+testKey+`","message":"key `+testKey+` see `+link+`","request_id":"`+testKey+` `+link+`"}`))
	use(always(500, `{"code":"InternalError","message":"at `+link+`"}`))
	use(always(502, "<html>"+testKey+link+"</html>"))
	use(func(r *http.Request) (*http.Response, error) {
		return nil, &url.Error{Op: "Post", URL: link, Err: &url.Error{Op: "Get", URL: link, Err: errors.New("no route")}}
	})
	use(func(r *http.Request) (*http.Response, error) {
		res := response(307, "")
		res.Header.Set("Location", link)
		res.Header.Set("X-Dashscope-Uid", "headercanary")
		return res, nil
	})
	use(func(r *http.Request) (*http.Response, error) {
		res := response(200, "")
		res.Body = io.NopCloser(io.MultiReader(strings.NewReader("{"), failing{fmt.Errorf("read %s with Bearer %s", link, testKey)}))
		return res, nil
	})
	key = "another-shape-of-canary" // which no pattern knows
	use(always(403, fault("AccessDenied", "key "+key.Reveal())+" "))
	use(always(400, `{"code":"`+key.Reveal()+`","request_id":"`+key.Reveal()+`"}`))
	text := strings.Join(all, "\n") + log.String()
	for _, canary := range []string{testKey, "canary", "Signature", "start_time"} {
		if strings.Contains(text, canary) {
			t.Errorf("%q is in:\n%s", canary, text)
		}
	}
	if n := strings.Count(log.String(), "\n"); n != len(all) {
		t.Errorf("%d log lines for %d requests", n, len(all))
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
