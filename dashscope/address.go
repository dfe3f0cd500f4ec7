package dashscope

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

var (
	errNoKey = &plain{
		text: "no API key is set: put DASHSCOPE_API_KEY, or DASHSCOPE_API_KEY_FILE_PATH with the path of a file that holds the key, into the env block of the MCP client's configuration (Codex and Gemini CLI do not pass on keys exported in a shell), or start with --simulate to try it without a key",
		is:   ErrNoKey,
	}
	errOddKey = &plain{
		text: "the API key has a space, a quote or another character inside that no key has: copy it again, as one line without quotes; nothing was sent",
		is:   ErrUnauthorized,
	}
	errPlanKey = &plain{
		text: "the API key starts with sk-sp-, so it belongs to a Token Plan or Coding Plan: such keys work on the plan's own hosts only, which do not serve these models; use a pay-as-you-go key of this region",
		is:   ErrUnauthorized,
	}
)

// Ready reports what keeps every request from being sent: a missing or garbled
// key, a region without a host, a base URL that is none. It asks nobody; whether
// the service takes the key only a request can tell.
func (c *Client) Ready() error {
	if _, _, err := c.address(); err != nil {
		return c.notSent(opCreate, err)
	}
	return nil
}

// address returns where to send a request and the key to send, or why there is no
// sending.
func (c *Client) address() (base, key string, err error) {
	key = c.key()
	switch {
	case key == "":
		return "", "", errNoKey
	case strings.ContainsFunc(key, notInKeys):
		return "", "", errOddKey
	case isPlanKey(key) && c.BaseURL == "":
		return "", "", errPlanKey
	}
	base, err = c.base()
	return base, key, err
}

func (c *Client) key() string { return strings.TrimSpace(c.APIKey.Reveal()) }

// notInKeys reports characters that come from a slip in copying: white space,
// quotes, brackets of a placeholder, anything outside ASCII.
func notInKeys(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("\"'`<>\\", r) }

func isPlanKey(key string) bool { return strings.HasPrefix(key, "sk-sp-") }

// base returns the base URL without a slash at its end.
func (c *Client) base() (string, error) {
	given := strings.TrimSpace(c.BaseURL)
	if given == "" {
		base, err := c.Region.BaseURL(c.Workspace)
		if err != nil {
			return "", &plain{text: err.Error()}
		}
		return base, nil
	}
	u, err := url.Parse(given)
	switch {
	case err != nil, u.Host == "", u.Scheme != "http" && u.Scheme != "https",
		u.User != nil, u.RawQuery != "", u.Fragment != "":
		return "", &plain{text: "the base URL is not an address: set DASHSCOPE_HTTP_BASE_URL to one like https://dashscope.aliyuncs.com/api/v1, without user name, query or fragment"}
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return "", &plain{text: fmt.Sprintf("the base URL is plain http to %s, which would show the API key to the network: use https, plain http is for this machine only", quote(u.Hostname()))}
	}
	return strings.TrimRight(u.String(), "/"), nil
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}
