package store_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"wan-image-mcp/resources/store"
)

var goodLinks = []string{
	"https://dashscope-result-bj.oss-cn-beijing.aliyuncs.com/1d/a.png?Expires=1&Signature=x",
	"https://dashscope-result-wlcb-acdr-1.oss-cn-wulanchabu-acdr-1.aliyuncs.com/a.png",
	"https://dashscope-a717.oss-accelerate.aliyuncs.com:443/a.png",
	"HTTPS://Bucket.OSS-cn-beijing.ALIYUNCS.com/a.png",
}

var badLinks = []string{
	"", "picture.png", "//bucket.aliyuncs.com/a.png", "https:bucket.aliyuncs.com", "https:///a.png", "https://:443/",
	"http://bucket.oss-cn-beijing.aliyuncs.com/a.png", "http://bucket.oss-cn-beijing.aliyuncs.com:443/a.png",
	"ftp://bucket.oss-cn-beijing.aliyuncs.com/a.png",
	"file:///etc/passwd", "data:image/png;base64,AAAA", "gopher://bucket.aliyuncs.com/",
	"https://bucket.oss-cn-beijing.aliyuncs.com:8443/a.png",
	"https://bucket.oss-cn-beijing.aliyuncs.com:0443/a.png",
	"https://user@bucket.oss-cn-beijing.aliyuncs.com/a.png",
	"https://user:pass@bucket.oss-cn-beijing.aliyuncs.com/a.png",
	// Not under the suffix, however near.
	"https://aliyuncs.com/a.png", "https://.aliyuncs.com/a.png", "https://a..aliyuncs.com/a.png",
	"https://evilaliyuncs.com/a.png", "https://aliyuncs.com.evil.example/a.png",
	"https://bucket.aliyuncs.com.evil.example/a.png", "https://bucket.aliyuncs.com./a.png",
	"https://evil.example/bucket.aliyuncs.com", "https://evil.example#.aliyuncs.com",
	"https://evil.example?.aliyuncs.com", `https://evil.example\.aliyuncs.com/`,
	"https://evil.example%2f.aliyuncs.com/", "https://evil.example%00.aliyuncs.com/",
	"https://evil_host.aliyuncs.com/", "https://ｅvil.aliyuncs.com/", "https://b。aliyuncs.com/",
	"https://" + strings.Repeat("a", 64) + ".aliyuncs.com/",
	"https://" + strings.Repeat("a.", 130) + "aliyuncs.com/",
	// Private addresses in all their spellings.
	"https://localhost/", "https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/",
	"https://0x7f.0.0.1/", "https://0177.0.0.1/", "https://017700000001/", "https://127.0.0.1.nip.io/", "https://0/",
	"https://[::1]/", "https://[::]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/", "https://[64:ff9b::7f00:1]/",
	"https://[2002:7f00:1::]/", "https://[fe80::1%25eth0]/", "https://[fd00::1]/",
	"https://169.254.169.254/latest/meta-data/", "https://100.100.100.200/latest/meta-data/",
	"https://10.0.0.1/", "https://172.16.0.1/", "https://192.168.0.1/", "https://100.64.0.1/", "https://198.18.0.1/",
	"https://①②⑦.⓪.⓪.①/", "https://127。0。0。1/",
	"https://bucket.aliyuncs.com/" + strings.Repeat("a", 9000),
}

func TestLinks(t *testing.T) {
	for _, link := range goodLinks {
		if _, err := store.CheckLink(link); err != nil {
			t.Errorf("%s: %v", link, err)
		}
	}
	folder := open(t, store.Options{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		t.Errorf("%s was asked", r.URL)
		return nil, errors.ErrUnsupported
	})})
	for _, link := range badLinks {
		_, err := folder.Fetch(t.Context(), link)
		checkKind(t, link, err, store.ErrNotAllowed)
	}
}

func TestAllowHostsIsExact(t *testing.T) {
	allow := []string{"Images.Example:8080", "[::1]:9000", "127.0.0.1:080"}
	for _, link := range []string{
		"http://images.example:8080/a.png", "https://IMAGES.example:8080/a.png", "http://[::1]:9000/a.png",
		"http://[0:0:0:0:0:0:0:1]:9000/a.png", "http://127.0.0.1/a.png", "http://127.0.0.1:80/a.png",
	} {
		if _, err := store.CheckLink(link, allow...); err != nil {
			t.Errorf("%s: %v", link, err)
		}
	}
	for _, link := range []string{
		"http://images.example/a.png", "http://images.example:8081/a.png", "http://x.images.example:8080/a.png",
		"http://user@images.example:8080/a.png", "ftp://images.example:8080/a.png", "http://127.0.0.1:9000/a.png",
		"https://127.0.0.1/a.png", "http://localhost/a.png", "http://[::1]/a.png",
	} {
		if _, err := store.CheckLink(link, allow...); !errors.Is(err, store.ErrNotAllowed) {
			t.Errorf("%s: got %v", link, err)
		}
	}
	for _, entry := range []string{"", "images.example", ":80", "images.example:", "images.example:http", "a:0", "a:65536", "http://a:80"} {
		if _, err := store.Open(t.TempDir(), store.Options{AllowHosts: []string{entry}}); err == nil {
			t.Errorf("the entry %q is taken", entry)
		}
	}
}

func TestRedirects(t *testing.T) {
	data := smallPNG(t, 1)
	base, host := imageHost(t, serve(data))
	internal, _ := imageHost(t, func(http.ResponseWriter, *http.Request) { t.Error("the internal host was asked") })
	_, internalPort, _ := strings.Cut(strings.TrimPrefix(internal, "http://"), ":")
	tests := map[string]struct {
		from, to string
		want     error
	}{
		"to an allowed host":    {"http://" + host + "/from", base + "/x.png", nil},
		"relative":              {"http://" + host + "/from", "/x.png", nil},
		"to a private host":     {"http://" + host + "/from", internal, store.ErrNotAllowed},
		"to a spelling of it":   {"http://" + host + "/from", "http://2130706433:" + internalPort, store.ErrNotAllowed},
		"to metadata":           {"http://" + host + "/from", "http://169.254.169.254/latest/", store.ErrNotAllowed},
		"to a file":             {"http://" + host + "/from", "file:///etc/passwd", store.ErrNotAllowed},
		"to a user name":        {"http://" + host + "/from", "http://user@" + host + "/", store.ErrNotAllowed},
		"to nowhere":            {"http://" + host + "/from", "http://[", store.ErrNotAllowed},
		"https to allowed http": {"https://bucket.oss-cn-beijing.aliyuncs.com/from", base + "/x.png", store.ErrNotAllowed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			folder := open(t, store.Options{AllowHosts: []string{host}, Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				if r.URL.Path != "/from" {
					return http.DefaultTransport.RoundTrip(r)
				}
				resp := answer(r, nil)
				resp.StatusCode = http.StatusFound
				resp.Header.Set("Location", test.to)
				return resp, nil
			})})
			_, err := fetchLink(t, folder, test.from+"?Signature="+canary)
			if !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func TestRedirectsAreCounted(t *testing.T) {
	for hops, want := range map[string]error{"/3": nil, "/4": store.ErrNotAllowed} {
		base, host := imageHost(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/0" {
				_, _ = w.Write(smallPNG(t, 1))
				return
			}
			http.Redirect(w, r, "/"+string(r.URL.Path[1]-1), http.StatusTemporaryRedirect)
		})
		folder := open(t, store.Options{AllowHosts: []string{host}})
		if _, err := fetchLink(t, folder, base+hops); !errors.Is(err, want) {
			t.Errorf("%s redirects: got %v, want %v", hops, err, want)
		}
	}
}

func FuzzLink(f *testing.F) {
	for _, link := range append(goodLinks, badLinks...) {
		f.Add(link)
	}
	f.Fuzz(func(t *testing.T, link string) {
		u, err := store.CheckLink(link)
		if err != nil {
			return
		}
		// Whatever passes means the same to everybody who reads it again.
		again, err := url.Parse(u.String())
		if err != nil {
			t.Fatalf("%q passed and %v", link, err)
		}
		host := strings.ToLower(again.Host)
		host = strings.TrimSuffix(host, ":443")
		if again.Scheme != "https" || again.User != nil || !strings.HasSuffix(host, ".aliyuncs.com") ||
			strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" || strings.HasPrefix(host, ".") {
			t.Errorf("%q passed and leads to %q", link, again.Host)
		}
	})
}
