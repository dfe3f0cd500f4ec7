// Package store fetches pictures that were paid for and keeps them.
//
// A picture of the service lives behind a signed link for 24 hours. [Folder.Fetch]
// brings it into a folder, where it is named after the SHA-256 of its bytes:
//
//	folder, err := store.Open(dir, store.Options{})
//	if err := folder.Room(estimate); err != nil { ... } // before money is spent
//	picture, err := folder.Fetch(ctx, link)             // as soon as there is a link
//	data, err := folder.Bytes(picture)                  // for as long as it is kept
//
// # What a fetch guards against
//
// Links come from an answer over the network, so they are not trusted: https to
// *.aliyuncs.com only, at addresses that are public at the moment of dialling,
// through at most three redirects that are checked alike. Neither are bodies:
// their length, pace, time, encoding, format and checksums are held to limits
// while they stream to disk, and nothing is decoded. See [Options] for what an
// operator may open, and the errors for what a caller can do about a refusal.
//
// # What a folder promises
//
// Every file in it is a whole picture under its own hash, or its name begins with
// .tmp-. That holds through crashes, for several processes in one directory, and
// for the same picture fetched twice at once. Reading checks the hash again: a
// picture that the disk has changed is [ErrDamaged] once, out of the way then,
// and repaired by the next fetch.
//
// What leaves the folder is a copy: [Folder.Export] puts one where people look for
// pictures, under a name from [FileName], and [Folder.Preview] makes a small JPEG
// for showing.
package store
