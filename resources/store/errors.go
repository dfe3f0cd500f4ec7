package store

import "errors"

// What can go wrong, for errors.Is. An error of [Folder.Fetch] that is none of
// these and not the context's own is passing trouble (a cut connection, a
// timeout, a 500): the same link is worth another try while it lives.
//
// No error of this package contains the path or the query of a link; the query
// is a signature that opens the picture to whoever reads it.
var (
	// ErrLinkExpired means the image host refused the link with 403, 404 or 410.
	// The same link will not work again; the service may know a fresh one.
	ErrLinkExpired = errors.New("the picture link has expired")
	// ErrNotAllowed means the link, a redirect or the address behind it is not
	// one that pictures may come from. Nothing was asked there.
	ErrNotAllowed = errors.New("the picture link is not allowed")
	// ErrNotPicture means the host answered with something that is no PNG, JPEG
	// or WebP, or wrapped it in a content encoding.
	ErrNotPicture = errors.New("not a picture")
	// ErrTooBig means more bytes or pixels than the limits.
	ErrTooBig = errors.New("the picture is too big")
	// ErrNoSpace means the disk, a disk quota or the folder's own limit is
	// reached.
	ErrNoSpace = errors.New("no space for pictures")
	// ErrDamaged means the bytes are a picture's but not whole: cut short, a
	// wrong checksum, something behind the end, or on reading another SHA-256.
	// Fetching again repairs it.
	ErrDamaged = errors.New("the picture is damaged")
	// ErrMissing means the folder does not hold the picture.
	ErrMissing = errors.New("the picture is not in the folder")
)
