package store

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

const maxRedirects = 3

// get asks for u and follows redirects, each checked like the first link. It
// works on the transport itself: an http.Client would keep cookies, send the
// signed link on as the Referer, and repeat it in its errors.
//
// With an answer or an error it returns the link that brought it.
func (f *Folder) get(ctx context.Context, u *url.URL) (*http.Response, *url.URL, error) {
	for range maxRedirects + 1 {
		resp, err := f.ask(ctx, u)
		if err != nil {
			return nil, u, err
		}
		next, err := f.next(u, resp)
		if err == nil && next == nil {
			err = f.refuse(resp)
		}
		if err != nil {
			return nil, u, errors.Join(err, resp.Body.Close())
		}
		if next == nil {
			return resp, u, nil
		}
		_ = resp.Body.Close()
		u = next
	}
	return nil, u, fmt.Errorf("%w: more than %d redirects", ErrNotAllowed, maxRedirects)
}

// ask makes one request. It carries nothing of ours: no key, no cookie, no
// referrer.
func (f *Folder) ask(ctx context.Context, u *url.URL) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, errNotURL
	}
	r.Header.Set("Accept", "image/png, image/jpeg, image/webp")
	r.Header.Set("Accept-Encoding", "identity")
	r.Header.Set("User-Agent", "wan-image-mcp")
	resp, err := f.transport.RoundTrip(r)
	if private, ok := errors.AsType[*addressError](err); ok {
		return nil, private
	}
	if err != nil {
		return nil, &transferError{err}
	}
	return resp, nil
}

// next is where resp redirects to, nil for nowhere.
func (f *Folder) next(u *url.URL, resp *http.Response) (*url.URL, error) {
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil, nil
	}
	next, err := u.Parse(resp.Header.Get("Location"))
	if err != nil {
		return nil, fmt.Errorf("it redirects elsewhere: %w", errNotURL)
	}
	if u.Scheme == "https" && next.Scheme != "https" {
		return nil, fmt.Errorf("%w: it redirects from https to %.10q", ErrNotAllowed, next.Scheme)
	}
	if err := f.links.check(next); err != nil {
		return nil, fmt.Errorf("it redirects elsewhere: %w", err)
	}
	return next, nil
}

// refuse tells by its header that resp brings no picture.
func (f *Folder) refuse(resp *http.Response) error {
	status := fmt.Sprintf("the host answered %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusForbidden, http.StatusNotFound, http.StatusGone:
		return fmt.Errorf("%w: %s", ErrLinkExpired, status)
	default:
		return errors.New(status)
	}
	if encoding := resp.Header.Get("Content-Encoding"); resp.Uncompressed || encoding != "" && encoding != "identity" {
		return fmt.Errorf("%w: the host sent it compressed, which was not asked for", ErrNotPicture)
	}
	if length, limit := resp.ContentLength, f.options.MaxPicture; length > limit {
		return fmt.Errorf("%w: it has %s, and %s is the limit", ErrTooBig, human(length), human(limit))
	}
	return nil
}

// repeats reports whether text contains the secret part of a link. A server can
// bring that about by answering with it.
func repeats(text string, u *url.URL) bool {
	for _, secret := range []string{u.RawQuery, u.Path, u.EscapedPath()} {
		if len(secret) > 1 && strings.Contains(text, secret) {
			return true
		}
	}
	for _, values := range u.Query() {
		for _, value := range values {
			if len(value) > 3 && strings.Contains(text, value) {
				return true
			}
		}
	}
	return false
}
