//go:build !windows

package cli

func knownPictures() string { return "" }
