package dashscope

import (
	"errors"
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
	base, err := CheckBaseURL(given)
	if err != nil {
		return "", &plain{text: "the base URL (DASHSCOPE_HTTP_BASE_URL) is " + err.Error()}
	}
	return base, nil
}

// CheckBaseURL returns a base URL as requests use it, without white space around it
// or slashes at its end. Else the error says what the text is instead: no address,
// or one that would show the API key to the network.
func CheckBaseURL(text string) (string, error) {
	u, err := url.Parse(strings.TrimSpace(text))
	switch {
	case err != nil, u.Host == "", u.User != nil, u.RawQuery != "", u.Fragment != "":
		return "", errors.New("not an address of the service: use one like https://dashscope.aliyuncs.com/api/v1, without user name, query or fragment")
	case u.Scheme != "http" && u.Scheme != "https":
		return "", errors.New("neither https nor http: use one like https://dashscope.aliyuncs.com/api/v1")
	case u.Scheme == "http" && !IsLoopback(u.Hostname()):
		return "", fmt.Errorf("plain http, which would show the API key to the network: use https://%s, plain http is for this computer only", Clip(u.Host+u.EscapedPath(), cleanMax))
	}
	return strings.TrimRight(u.String(), "/"), nil
}

// IsLoopback reports whether a host, a name or an address without a port, is this
// computer, as far as can be told without asking anybody.
func IsLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}
