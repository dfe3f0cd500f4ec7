package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
)

// Fetch downloads the picture behind link into the folder. It streams: a picture
// of any size costs the memory of a buffer, is hashed and checked on its way, and
// is in the folder whole and durable when Fetch returns, or not at all. Fetching
// the same picture again replaces the file with the same bytes.
//
// The whole of it takes two minutes at most. The errors are those of this
// package, the context's own when ctx ended, and else passing trouble that is
// worth another try; none of them repeats more of the link than its host.
func (f *Folder) Fetch(ctx context.Context, link string) (Picture, error) {
	u, err := f.links.parse(link)
	if err != nil {
		return Picture{}, err
	}
	within, stop := context.WithTimeoutCause(ctx, fetchTime, errFetchTime)
	defer stop()
	transfer, cancel := context.WithCancelCause(within)
	defer cancel(nil)

	resp, u, err := f.get(transfer, u)
	if err != nil {
		return Picture{}, fetchError(ctx, transfer, u, err)
	}
	defer release(resp.Body)
	body := &meter{Reader: resp.Body}
	go body.watch(transfer, cancel)
	p, err := f.keep(body, resp.ContentLength)
	if err != nil {
		return Picture{}, fetchError(ctx, transfer, u, err)
	}
	f.options.Logger.Debug("picture kept", "sha256", p.SHA256, "bytes", p.Bytes, "host", u.Host)
	return p, nil
}

// fetchError names the host and what went wrong there, and nothing of the link's
// path and query. When a context ended the transfer, that is what went wrong.
func fetchError(caller, transfer context.Context, u *url.URL, err error) error {
	if _, passing := errors.AsType[*transferError](err); passing {
		switch {
		case caller.Err() != nil:
			err = caller.Err()
		case transfer.Err() != nil:
			err = context.Cause(transfer)
		case repeats(err.Error(), u):
			err = errors.New("the connection failed")
		}
	}
	return fmt.Errorf("picture at %s: %w", u.Hostname(), err)
}

// transferError is trouble on the way: the same request may work the next time.
type transferError struct{ error }

func (e *transferError) Unwrap() error { return e.error }

// keep streams body into the folder. length is what the host promised, -1 for
// nothing.
func (f *Folder) keep(body io.Reader, length int64) (Picture, error) {
	d, err := newDraft(f.root, 0o600)
	if err != nil {
		return Picture{}, f.writeError(err)
	}
	defer f.rescan()
	defer d.discard()
	p, err := f.stream(d, body)
	if err != nil {
		return Picture{}, err
	}
	if length >= 0 && length != p.Bytes {
		return Picture{}, &transferError{fmt.Errorf("the host promised %d bytes and sent %d", length, p.Bytes)}
	}
	name, err := p.fileName()
	if err != nil {
		return Picture{}, err
	}
	if err := d.replace(name); err != nil {
		return Picture{}, f.writeError(err)
	}
	return p, nil
}

// stream copies body to d and learns what it is.
func (f *Folder) stream(d *draft, body io.Reader) (Picture, error) {
	buffer := f.buffer()
	defer f.buffers.Put(buffer)
	hash, check := sha256.New(), new(inspector)
	for size := int64(0); ; {
		n, readErr := body.Read(buffer[:])
		size += int64(n)
		if size > f.options.MaxPicture {
			return Picture{}, fmt.Errorf("%w: it has more than %s", ErrTooBig, human(f.options.MaxPicture))
		}
		if err := check.write(buffer[:n]); err != nil {
			return Picture{}, err
		}
		hash.Write(buffer[:n])
		if _, err := d.Write(buffer[:n]); err != nil {
			return Picture{}, f.writeError(err)
		}
		if errors.Is(readErr, io.EOF) {
			p, err := check.end()
			p.SHA256, p.Bytes = hex.EncodeToString(hash.Sum(nil)), size
			return p, err
		}
		if readErr != nil {
			return Picture{}, &transferError{fmt.Errorf("cut off after %d bytes: %w", size, readErr)}
		}
	}
}
