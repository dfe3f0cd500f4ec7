package server

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"

	"wan-image-mcp/dashscope"
)

// minToken is the length of 128 random bits in base64, the least that cannot be
// guessed.
const minToken = 22

var tokenName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$`)

// Tokens are who may use the server over HTTP. Each has a name, which owns what
// is made with it. The zero value has none; it may be changed while in use.
type Tokens struct {
	mu   sync.RWMutex
	list []token
}

type token struct {
	owner string
	hash  [sha256.Size]byte // of the token; the token itself is nowhere
}

// Load replaces the tokens by those that r lists: a name and the SHA-256 of the
// token in hexadecimal on each line; empty lines and lines that begin with # do
// not count. A name may have several tokens. After an error nothing has changed.
func (t *Tokens) Load(r io.Reader) error {
	var list []token
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		one, err := parseToken(line)
		if err != nil {
			return fmt.Errorf("line %d of the tokens: %w", n, err)
		}
		list = append(list, one)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read the tokens: %w", err)
	}
	if len(list) == 0 {
		return errors.New("there is no token: write a name and the SHA-256 of a token on a line")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.list = list
	return nil
}

// parseToken never repeats what it was given: it may be a token.
func parseToken(line string) (token, error) {
	fields := strings.Fields(line)
	if len(fields) != 2 {
		return token{}, errors.New("want a name and a SHA-256, with a space between")
	}
	if !tokenName.MatchString(fields[0]) {
		return token{}, errors.New("a name has 1 to 64 letters, digits and . _ @ -")
	}
	sum, err := hex.DecodeString(fields[1])
	if err != nil || len(sum) != sha256.Size {
		return token{}, errors.New("want the SHA-256 of the token as 64 hexadecimal digits (printf %s TOKEN | sha256sum)")
	}
	return token{owner: fields[0], hash: [sha256.Size]byte(sum)}, nil
}

// Add adds one token.
func (t *Tokens) Add(owner string, secret dashscope.Secret) error {
	if !tokenName.MatchString(owner) {
		return errors.New("a token's name has 1 to 64 letters, digits and . _ @ -")
	}
	if len(secret.Reveal()) < minToken {
		return fmt.Errorf("a token needs at least %d characters (openssl rand -hex 32 makes a good one)", minToken)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.list = append(t.list, token{owner: owner, hash: sha256.Sum256([]byte(secret.Reveal()))})
	return nil
}

// Empty reports whether nobody has to show a token. A nil Tokens is empty.
func (t *Tokens) Empty() bool {
	if t == nil {
		return true
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.list) == 0
}

// find compares with every token, in constant time.
func (t *Tokens) find(secret string) (token, bool) {
	hash := sha256.Sum256([]byte(secret))
	t.mu.RLock()
	defer t.mu.RUnlock()
	var match token
	found := 0
	for _, one := range t.list {
		if subtle.ConstantTimeCompare(one.hash[:], hash[:]) == 1 {
			match, found = one, 1
		}
	}
	return match, found == 1
}

// authenticate tells who sent r, or why that is not known. Only the header
// counts: what stands in a URL ends up in logs.
func (t *Tokens) authenticate(r *http.Request) (token, error) {
	if t.Empty() {
		return token{}, nil
	}
	values := r.Header.Values("Authorization")
	if len(values) == 0 {
		return token{}, errNoToken
	}
	if len(values) > 1 {
		return token{}, errManyTokens
	}
	scheme, secret, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") || secret == "" {
		return token{}, errNoToken
	}
	one, ok := t.find(secret)
	if !ok {
		return token{}, errWrongToken
	}
	return one, nil
}

var (
	errNoToken    = errors.New("this server wants a token: send Authorization: Bearer TOKEN")
	errWrongToken = errors.New("this server does not know the token")
	errManyTokens = errors.New("send one Authorization header")
)

// refuseToken answers a request that did not say who it is from (RFC 6750, 3).
func refuseToken(w http.ResponseWriter, err error) {
	challenge, status := `Bearer realm="wan-image-mcp"`, http.StatusUnauthorized
	switch {
	case errors.Is(err, errWrongToken):
		challenge += `, error="invalid_token"`
	case errors.Is(err, errManyTokens):
		challenge += `, error="invalid_request"`
		status = http.StatusBadRequest
	}
	w.Header().Set("WWW-Authenticate", challenge)
	http.Error(w, err.Error(), status)
}

// sign binds text to the token, so that it is worth nothing with another one.
func (t token) sign(text string) []byte {
	mac := hmac.New(sha256.New, t.hash[:])
	mac.Write([]byte(text))
	return mac.Sum(nil)
}
