//go:build !linux && !darwin && !windows

package journal

func refuseNetwork(string) error { return nil }
