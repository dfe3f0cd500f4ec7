package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"image/png"
	"io"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBundle(t *testing.T) {
	t.Parallel()
	for goos, platform := range platforms {
		text, err := bundle(goos, "1.2.3", []byte("the program"), []byte("the license"))
		if err != nil {
			t.Fatal(err)
		}
		again, err := bundle(goos, "1.2.3", []byte("the program"), []byte("the license"))
		if err != nil || !bytes.Equal(text, again) {
			t.Errorf("%s: the same again gives other bytes, %v", goos, err)
		}
		z, err := zip.NewReader(bytes.NewReader(text), int64(len(text)))
		if err != nil {
			t.Fatal(err)
		}
		var about struct {
			Version       string
			Compatibility struct{ Platforms []string }
			Server        struct {
				Config struct {
					Command   string
					Overrides map[string]struct{ Command string } `json:"platform_overrides"`
				} `json:"mcp_config"`
			}
		}
		file, err := z.Open("manifest.json")
		if err != nil {
			t.Fatal(err)
		}
		if err := json.NewDecoder(file).Decode(&about); err != nil {
			t.Fatal(err)
		}
		if about.Version != "1.2.3" || !cmp.Equal(about.Compatibility.Platforms, []string{platform}) {
			t.Errorf("%s: version %s for %v", goos, about.Version, about.Compatibility.Platforms)
		}
		command := about.Server.Config.Command
		if other := about.Server.Config.Overrides[platform].Command; other != "" {
			command = other
		}
		program, err := z.Open(strings.TrimPrefix(command, "${__dirname}/"))
		if err != nil {
			t.Fatalf("%s: the command %s is not in the bundle: %v", goos, command, err)
		}
		info, err := program.Stat()
		if err != nil || info.Mode() != fs.FileMode(0o755) {
			t.Errorf("%s: the program has mode %v, %v", goos, info.Mode(), err)
		}
		if got, err := io.ReadAll(program); err != nil || string(got) != "the program" {
			t.Errorf("%s: the program is %q, %v", goos, got, err)
		}
	}
}

func TestBundleRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range [][2]string{{"plan9", "1.0.0"}, {"", "1.0.0"}, {"linux", ""}} {
		if _, err := bundle(test[0], test[1], nil, nil); err == nil {
			t.Errorf("there is a bundle for %q", test)
		}
	}
}

// TestIcon: Claude Desktop wants this size.
func TestIcon(t *testing.T) {
	t.Parallel()
	picture, err := png.DecodeConfig(bytes.NewReader(icon))
	if err != nil || picture.Width != 512 || picture.Height != 512 || len(icon) > 64<<10 {
		t.Errorf("the icon has %d by %d pixels and %d bytes, %v", picture.Width, picture.Height, len(icon), err)
	}
}
