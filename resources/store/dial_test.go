package store_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"wan-image-mcp/resources/store"
)

func TestAddresses(t *testing.T) {
	for _, address := range []string{
		"127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
		"100.64.0.1", "100.100.100.200", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.19.255.255", "198.51.100.1",
		"203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.88.99.1",
		"[::]", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:8.8.8.8]", "[64:ff9b::7f00:1]", "[64:ff9b::808:808]", "[64:ff9b:1::1]",
		"[2002:7f00:1::]", "[2001::1]", "[2001:db8::1]", "[fe80::1]", "[fe80::1%eth0]", "[fc00::1]", "[fd12:3456::1]",
		"[ff02::1]", "[100::1]", "[3fff::1]",
	} {
		network := "tcp4"
		if strings.HasPrefix(address, "[") {
			network = "tcp6"
		}
		if err := store.CheckAddress(network, address+":443"); !errors.Is(err, store.ErrNotAllowed) {
			t.Errorf("%s: got %v", address, err)
		}
	}
	for _, address := range []string{"47.95.1.1:443", "8.8.8.8:443"} {
		if err := store.CheckAddress("tcp4", address); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
	if err := store.CheckAddress("tcp6", "[2408:4000::1]:443"); err != nil {
		t.Error(err)
	}
	if err := store.CheckAddress("tcp4", "47.95.1.1:22"); !errors.Is(err, store.ErrNotAllowed) {
		t.Errorf("port 22: got %v", err)
	}
}

// A name that leads to a private address is refused at the moment of dialling.
// Nothing listens there: without the check the answer would be "refused".
func TestNamesThatLeadInside(t *testing.T) {
	for _, address := range []string{"127.0.0.1", "10.0.0.1", "169.254.169.254", "100.100.100.200", "198.18.0.7"} {
		folder := open(t, store.Options{})
		folder.Resolve(nameServer(netip.MustParseAddr(address)))
		_, err := fetchLink(t, folder, linkTo("https://bucket.oss-cn-beijing.aliyuncs.com"))
		checkKind(t, address, err, store.ErrNotAllowed)
		if !strings.Contains(err.Error(), address) {
			t.Errorf("the error does not name %s: %v", address, err)
		}
		if fake := address == "198.18.0.7"; strings.Contains(err.Error(), "allow the range 198.18.0.0/15") != fake {
			t.Errorf("the way out of a fake-IP VPN stands in the wrong error: %v", err)
		}
	}
}

func TestAllowCIDRs(t *testing.T) {
	allow := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for address, want := range map[string]error{
		"127.0.0.1:443": nil, "[fd00::1]:443": nil, "10.0.0.1:443": store.ErrNotAllowed, "[fc00::1]:443": store.ErrNotAllowed,
	} {
		network := "tcp4"
		if strings.HasPrefix(address, "[") {
			network = "tcp6"
		}
		if err := store.CheckAddress(network, address, allow...); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", address, err, want)
		}
	}
	folder := open(t, store.Options{AllowCIDRs: allow})
	folder.Resolve(nameServer(netip.MustParseAddr("127.9.9.9")))
	_, err := fetchLink(t, folder, linkTo("https://bucket.oss-cn-beijing.aliyuncs.com"))
	if errors.Is(err, store.ErrNotAllowed) || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v, want a connection that is refused by the machine", err)
	}
}

// Only the host and port that was allowed may be private, not the host's other
// names or ports.
func TestAllowHostsExemptsOneAddress(t *testing.T) {
	base, host := imageHost(t, serve(smallPNG(t, 1)))
	folder := open(t, store.Options{AllowHosts: []string{host}})
	if _, err := fetchLink(t, folder, linkTo(base)); err != nil {
		t.Error(err)
	}
	folder.Resolve(nameServer(netip.MustParseAddr("127.0.0.1")))
	_, err := fetchLink(t, folder, linkTo("https://bucket.oss-cn-beijing.aliyuncs.com"))
	checkKind(t, "another name of the same machine", err, store.ErrNotAllowed)
}

// nameServer answers every name with addr.
func nameServer(addr netip.Addr) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go answerNames(server, addr)
		return client, nil
	}}
}

// answerNames speaks DNS over a stream (RFC 1035 4.2.2) for one question.
func answerNames(conn net.Conn, addr netip.Addr) {
	defer release(conn)
	var length [2]byte
	if _, err := conn.Read(length[:]); err != nil {
		return
	}
	query := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := conn.Read(query); err != nil {
		return
	}
	end := 12 + bytes.IndexByte(query[12:], 0) + 5
	question := query[12:end]
	kind, data := uint16(1), addr.AsSlice()
	if addr.Is6() {
		kind = 28
	}
	answers := uint16(0)
	if binary.BigEndian.Uint16(question[len(question)-4:]) == kind {
		answers = 1
	}
	answer := append([]byte{query[0], query[1], 0x81, 0x80, 0, 1, 0, byte(answers), 0, 0, 0, 0}, question...)
	if answers > 0 {
		answer = append(answer, 0xc0, 12, 0, byte(kind), 0, 1, 0, 0, 0, 60, 0, byte(len(data)))
		answer = append(answer, data...)
	}
	_, _ = conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
}
