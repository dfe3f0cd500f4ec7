package store_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"wan-image-mcp/resources/store"
)

const bucket = "bucket.oss-cn-beijing.aliyuncs.com"

// tlsHost serves body as bucket, with a certificate that only roots vouches for.
func tlsHost(t *testing.T, body []byte) (server *httptest.Server, roots []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{bucket}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	server = httptest.NewUnstartedServer(serve(body))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	server.Config.ErrorLog = nil
	server.StartTLS()
	t.Cleanup(server.Close)
	return server, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// tunnel is an HTTP proxy on loopback that leads every CONNECT to one address.
type tunnel struct {
	url   string
	mu    sync.Mutex
	asked []string
}

func newTunnel(t *testing.T, to string) *tunnel {
	t.Helper()
	proxy := new(tunnel)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proxy.mu.Lock()
		proxy.asked = append(proxy.asked, r.Method+" "+r.RequestURI)
		proxy.mu.Unlock()
		near, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer release(near)
		far, err := new(net.Dialer).DialContext(r.Context(), "tcp", to)
		if err != nil {
			return
		}
		defer release(far)
		_, _ = io.WriteString(near, "HTTP/1.1 200 Connection established\r\n\r\n")
		go func() { _, _ = io.Copy(far, near) }()
		_, _ = io.Copy(near, far)
	}))
	t.Cleanup(server.Close)
	proxy.url = server.URL
	return proxy
}

func (p *tunnel) requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.asked)
}

func through(address string) func(*http.Request) (*url.URL, error) {
	return func(*http.Request) (*url.URL, error) { return url.Parse(address) }
}

func TestProxyMayBePrivate(t *testing.T) {
	host, roots := tlsHost(t, smallPNG(t, 1))
	proxy := newTunnel(t, host.Listener.Addr().String())
	folder := open(t, store.Options{Proxy: through(proxy.url)})
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(roots)
	folder.Trust(pool)
	if _, err := fetchLink(t, folder, linkTo("https://"+bucket)); err != nil {
		t.Error(err)
	}
	if got := proxy.requests(); len(got) != 1 || got[0] != "CONNECT "+bucket+":443" {
		t.Errorf("the proxy was asked for %q", got)
	}
}

func TestProxyKeepsTheListOfHosts(t *testing.T) {
	proxy := newTunnel(t, "127.0.0.1:1")
	folder := open(t, store.Options{Proxy: through(proxy.url)})
	for _, link := range badLinks {
		_, err := folder.Fetch(t.Context(), link)
		checkKind(t, link, err, store.ErrNotAllowed)
	}
	if got := proxy.requests(); len(got) > 0 {
		t.Errorf("the proxy was asked for %q", got)
	}
}

// What does not go through the proxy is not exempt because there is one.
func TestProxyExemptsItselfOnly(t *testing.T) {
	proxy := newTunnel(t, "127.0.0.1:1")
	direct := "direct." + bucket
	folder := open(t, store.Options{Proxy: func(r *http.Request) (*url.URL, error) {
		if r.URL.Hostname() == direct {
			return nil, nil
		}
		return url.Parse(proxy.url)
	}})
	folder.Resolve(nameServer(netip.MustParseAddr("127.0.0.1")))
	_, err := fetchLink(t, folder, linkTo("https://"+bucket)) // makes the proxy known
	checkKind(t, "a dead tunnel", err, nil)
	_, err = fetchLink(t, folder, linkTo("https://"+direct))
	checkKind(t, "direct", err, store.ErrNotAllowed)
}

func TestProxyErrorsHideThePassword(t *testing.T) {
	for name, choose := range map[string]func(*http.Request) (*url.URL, error){
		"not a URL": func(*http.Request) (*url.URL, error) {
			return nil, errors.New("invalid proxy http://me:" + canary + "@[")
		},
		"dead": through("http://me:" + canary + "@127.0.0.1:1"),
	} {
		folder := open(t, store.Options{Proxy: choose})
		_, err := fetchLink(t, folder, linkTo("https://"+bucket))
		checkKind(t, name, err, nil)
	}
}

// TestEnvironment runs a process with HTTPS_PROXY, NO_PROXY and SSL_CERT_FILE,
// because Go reads these once.
func TestEnvironment(t *testing.T) {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		t.Skip("Go asks this system for its certificates and does not read SSL_CERT_FILE")
	}
	host, roots := tlsHost(t, smallPNG(t, 1))
	certificates := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(certificates, roots, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		noProxy, certificates string
		want                  string // what the process prints
		asks                  int    // requests to the proxy
	}{
		"as set":                {"", certificates, "kept", 1},
		"without the authority": {"", "", "failed", 1},
		"not for this host":     {".aliyuncs.com", certificates, "failed", 0},
	} {
		t.Run(name, func(t *testing.T) {
			proxy := newTunnel(t, host.Listener.Addr().String())
			output := runChild(t, "fetch", map[string]string{
				"HTTPS_PROXY": proxy.url, "NO_PROXY": test.noProxy, "SSL_CERT_FILE": test.certificates,
				"STORE_DIR": filepath.Join(t.TempDir(), "pictures"), "STORE_LINK": linkTo("https://" + bucket),
			})
			if !strings.HasPrefix(output, test.want) || strings.Contains(output, canary) {
				t.Errorf("the process says %q, want %q", output, test.want)
			}
			if got := proxy.requests(); len(got) != test.asks {
				t.Errorf("the proxy was asked for %q, want %d requests", got, test.asks)
			}
		})
	}
}
