package server

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

var tokenName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$`)

// parseTokens reads what Load takes.
func parseTokens(r io.Reader) ([]token, error) {
	var list []token
	lines := bufio.NewScanner(r)
	n := 1
	for ; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		one, err := parseToken(line)
		if err == nil && slices.ContainsFunc(list, func(other token) bool { return other.hash == one.hash }) {
			err = errors.New("this token stands in a line before; give each name a token of its own")
		}
		if err != nil {
			return nil, fmt.Errorf("line %d of the tokens: %w", n, err)
		}
		list = append(list, one)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("line %d of the tokens: %w", n, err)
	}
	if len(list) == 0 {
		return nil, errors.New("there is no token: write a name and the SHA-256 of a token on a line")
	}
	return list, nil
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
