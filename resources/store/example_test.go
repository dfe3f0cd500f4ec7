package store_test

import (
	"context"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"

	"wan-image-mcp/resources/store"
)

// A picture is fetched, kept, and copied to where its owner looks for it. A host
// of this machine stands in for the service's; it has to be allowed by name.
func Example() {
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = png.Encode(w, image.NewGray(image.Rect(0, 0, 64, 48)))
	}))
	defer host.Close()
	dir, err := os.MkdirTemp("", "store")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()

	folder, err := store.Open(filepath.Join(dir, "pictures"), store.Options{
		AllowHosts: []string{strings.TrimPrefix(host.URL, "http://")},
		MinFree:    -1,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = folder.Close() }()

	if err := folder.Room(4 << 20); err != nil {
		fmt.Println(err) // and do not buy
		return
	}
	picture, err := folder.Fetch(context.Background(), host.URL+"/picture.png?Signature=secret")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(picture.MIME, picture.Width, picture.Height)

	day := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	name := store.FileName(day, "A flower shop with exquisite windows", 1, picture.MIME)
	path, err := folder.Export(picture, filepath.Join(dir, "out"), name)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(filepath.Base(path))

	_, err = folder.Fetch(context.Background(), "https://169.254.169.254/latest/meta-data/")
	fmt.Println(err)

	// Output:
	// image/png 64 48
	// 2026-11-22-flower-shop-1.png
	// the picture link is not allowed: pictures come from *.aliyuncs.com, not from "169.254.169.254"
}
