package cli

import "net"

// isLoopback reports whether a host is this computer, as far as can be told
// without asking anybody.
func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
