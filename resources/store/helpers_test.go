package store_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"wan-image-mcp/resources/store"
)

// canary stands in every link of these tests; no error may repeat it.
const canary = "S1gnatureCanary"

// linkTo is a signed link to a picture on host.
func linkTo(base string) string {
	return base + "/path-" + canary + "/picture.png?Expires=1790000000&OSSAccessKeyId=LTAI-" + canary + "&Signature=" + canary + "%2Fx%3D"
}

// noise is a picture that does not compress.
func noise(width, height int, seed uint64) *image.NRGBA {
	picture := image.NewNRGBA(image.Rect(0, 0, width, height))
	random := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)})
	if _, err := random.Read(picture.Pix); err != nil {
		panic(err)
	}
	return picture
}

func pngOf(t testing.TB, picture image.Image) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := png.Encode(&out, picture); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// smallPNG is a valid picture of some kilobytes; seeds make different ones.
func smallPNG(t testing.TB, seed uint64) []byte {
	t.Helper()
	return pngOf(t, noise(40, 30, seed))
}

func jpegOf(t testing.TB, width, height int) []byte {
	t.Helper()
	picture := image.NewRGBA(image.Rect(0, 0, width, height))
	for i := range width {
		picture.Set(i, i%height, color.RGBA{R: 200, A: 255})
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, picture, nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// pngChunk builds one chunk with a right checksum.
func pngChunk(kind string, data []byte) []byte {
	chunk := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	chunk = append(append(chunk, kind...), data...)
	return binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(chunk[4:]))
}

// pngHeader is a signature and an IHDR that claims a size.
func pngHeader(width, height uint32) []byte {
	data := binary.BigEndian.AppendUint32(nil, width)
	data = binary.BigEndian.AppendUint32(data, height)
	data = append(data, 8, 6, 0, 0, 0)
	return append([]byte("\x89PNG\r\n\x1a\n"), pngChunk("IHDR", data)...)
}

// bulk is a PNG by its chunks, with any bytes for pixels.
func bulk(header, pixels []byte) []byte {
	return slices.Concat(header, pngChunk("IDAT", pixels), pngChunk("IEND", nil))
}

// megabytes is a PNG by its chunks that does not compress, quickly made.
func megabytes(size int) []byte {
	return bulk(pngHeader(1024, 1024), noise(size/4, 1, 1).Pix)
}

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// open opens a folder in a new directory for the length of the test.
func open(t testing.TB, o store.Options) *store.Folder {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "pictures"), o)
}

func openAt(t testing.TB, dir string, o store.Options) *store.Folder {
	t.Helper()
	folder, err := store.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := folder.Close(); err != nil {
			t.Error(err)
		}
	})
	return folder
}

// imageHost serves handler on loopback and names itself as AllowHosts wants.
func imageHost(t testing.TB, handler http.HandlerFunc) (base, hostPort string) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL, strings.TrimPrefix(server.URL, "http://")
}

func serve(body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }
}

// fetch fetches from a host with this handler into a new folder.
func fetch(t testing.TB, handler http.HandlerFunc) (*store.Folder, store.Picture, error) {
	t.Helper()
	base, host := imageHost(t, handler)
	folder := open(t, store.Options{AllowHosts: []string{host}, MaxPicture: 1 << 20})
	p, err := fetchLink(t, folder, linkTo(base))
	return folder, p, err
}

// fetchLink fetches and holds every error to the rule about links.
func fetchLink(t testing.TB, folder *store.Folder, link string) (store.Picture, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	p, err := folder.Fetch(ctx, link)
	checkSecret(t, err)
	return p, err
}

func checkSecret(t testing.TB, err error) {
	t.Helper()
	if err != nil && strings.Contains(err.Error(), canary) {
		t.Errorf("the error repeats the link: %v", err)
	}
}

// keep puts data into a folder by fetching it.
func keep(t testing.TB, o store.Options, data []byte) (*store.Folder, string, store.Picture) {
	t.Helper()
	base, host := imageHost(t, serve(data))
	o.AllowHosts = append(o.AllowHosts, host)
	dir := filepath.Join(t.TempDir(), "pictures")
	folder := openAt(t, dir, o)
	p, err := fetchLink(t, folder, linkTo(base))
	if err != nil {
		t.Fatal(err)
	}
	return folder, dir, p
}

// names lists a directory.
func names(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// checkNames holds a folder to its invariant: each file is named after its
// SHA-256 or begins with .tmp-.
func checkNames(t testing.TB, dir string) {
	t.Helper()
	for _, name := range names(t, dir) {
		if strings.HasPrefix(name, ".tmp-") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if want := hashOf(data) + ".png"; name != want {
			t.Errorf("a file is named %s and should be %s", name, want)
		}
	}
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

// roundTrip is a transport made of a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// isError is errors.Is, where nil only is nil.
func isError(err, want error) bool { return errors.Is(err, want) && (err == nil) == (want == nil) }

// answerWith is a transport that always brings data.
func answerWith(data []byte) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) { return answer(r, data), nil })
}

// release closes where the closing has nothing to tell.
func release(c io.Closer) { _ = c.Close() }
