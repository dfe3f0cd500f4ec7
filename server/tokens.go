package server

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	"wan-image-mcp/dashscope"
)

// Tokens are who may use the server over HTTP. Each has a name, which owns what
// is made with it. The zero value has none; it may be changed while in use.
type Tokens struct {
	mu   sync.RWMutex
	list []pass
}

type token struct {
	owner string
	hash  [sha256.Size]byte // of the token; the token itself is nowhere
}

// pass is a token that is good until it is taken away.
type pass struct {
	token

	added  bool            // by Add, which Load leaves alone
	good   context.Context //nolint:containedctx // ends when the token is taken away
	revoke context.CancelFunc
}

func newPass(of token, added bool) pass {
	p := pass{token: of, added: added}
	p.good, p.revoke = context.WithCancel(context.Background())
	return p
}

// Load replaces the tokens by those that r lists: a name and the SHA-256 of the
// token in hexadecimal on each line; empty lines and lines that begin with # do
// not count. A name may have several tokens. Those of Add stay. Whoever uses a
// token that is not there any more is cut off. After an error nothing has changed.
func (t *Tokens) Load(r io.Reader) error {
	list, err := parseTokens(r)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, one := range list {
		if i := slices.IndexFunc(t.list, func(had pass) bool { return had.added && had.hash == one.hash }); i >= 0 && t.list[i].owner != one.owner {
			return fmt.Errorf("the token of %s is that of %s too; give each a token of its own", one.owner, t.list[i].owner)
		}
	}
	var stay []pass
	for _, had := range t.list {
		listed := slices.Index(list, had.token)
		switch {
		case listed >= 0:
			list = slices.Delete(list, listed, listed+1)
		case !had.added:
			had.revoke()
			continue
		}
		stay = append(stay, had)
	}
	for _, one := range list {
		stay = append(stay, newPass(one, false))
	}
	t.list = stay
	return nil
}

// minToken is the length of 128 random bits in base64, the least that cannot be
// guessed.
const minToken = 22

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
	one := token{owner: owner, hash: sha256.Sum256([]byte(secret.Reveal()))}
	if slices.ContainsFunc(t.list, func(had pass) bool { return had.hash == one.hash }) {
		return errors.New("this token is there under another name; give each name a token of its own")
	}
	t.list = append(t.list, newPass(one, true))
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

// Len is how many tokens there are.
func (t *Tokens) Len() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.list)
}

// admits reports whether owner has a token still.
func (t *Tokens) admits(owner string) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return slices.ContainsFunc(t.list, func(one pass) bool { return one.owner == owner })
}

// find compares with every token, in constant time.
func (t *Tokens) find(secret string) (pass, bool) {
	hash := sha256.Sum256([]byte(secret))
	t.mu.RLock()
	defer t.mu.RUnlock()
	var match pass
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
func (t *Tokens) authenticate(r *http.Request) (pass, error) {
	if t.Empty() {
		return pass{good: context.Background()}, nil
	}
	values := r.Header.Values("Authorization")
	if len(values) == 0 {
		return pass{}, errTokenWanted
	}
	if len(values) > 1 {
		return pass{}, errManyTokens
	}
	scheme, secret, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") || secret == "" {
		return pass{}, errTokenWanted
	}
	one, ok := t.find(secret)
	if !ok {
		return pass{}, errWrongToken
	}
	return one, nil
}

var (
	errTokenWanted = errors.New("this server wants a token: send Authorization: Bearer TOKEN")
	errWrongToken  = errors.New("this server does not know the token")
	errManyTokens  = errors.New("send one Authorization header")
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
