// Mcpb puts a built program into a bundle that Claude Desktop installs:
//
//	go run ./packaging/mcpb -os darwin -version 0.1.0 -o wan-image-mcp.mcpb dist/.../wan-image-mcp
//
// The same files and version give the same bytes.
package main

import (
	"archive/zip"
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log"
	"os"
	"time"
)

//go:embed manifest.json
var manifest []byte

//go:embed icon.png
var icon []byte

func main() {
	var (
		goos    = flag.String("os", "", "`OS` that the program was built for: darwin, linux or windows")
		version = flag.String("version", "", "`VERSION` of the bundle")
		out     = flag.String("o", "", "`FILE` to write")
		license = flag.String("license", "LICENSE", "`FILE` with the license")
	)
	flag.Parse()
	program, err := os.ReadFile(flag.Arg(0))
	if err != nil {
		log.Fatal(err)
	}
	terms, err := os.ReadFile(*license)
	if err != nil {
		log.Fatal(err)
	}
	text, err := bundle(*goos, *version, program, terms)
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(*out, text, 0o644); err != nil {
		log.Fatal(err)
	}
}

// platforms are the names that manifests have for operating systems.
var platforms = map[string]string{"darwin": "darwin", "linux": "linux", "windows": "win32"}

// bundle is the zip file with a program and the manifest for its system.
func bundle(goos, version string, program, license []byte) ([]byte, error) {
	about, err := manifestFor(goos, version)
	if err != nil {
		return nil, err
	}
	name := "server/wan-image-mcp"
	if goos == "windows" {
		name += ".exe"
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, file := range []struct {
		name string
		mode fs.FileMode
		text []byte
	}{
		{"manifest.json", 0o644, about},
		{"icon.png", 0o644, icon},
		{"LICENSE", 0o644, license},
		{name, 0o755, program},
	} {
		header := &zip.FileHeader{Name: file.name, Method: zip.Deflate, Modified: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
		header.SetMode(file.mode)
		w, err := z.CreateHeader(header)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(file.text); err != nil {
			return nil, err
		}
	}
	err = z.Close()
	return b.Bytes(), err
}

// manifestFor is the manifest with a version, for one system.
func manifestFor(goos, version string) ([]byte, error) {
	platform, ok := platforms[goos]
	if !ok {
		return nil, fmt.Errorf("there are no bundles for %q", goos)
	}
	if version == "" {
		return nil, errors.New("the bundle needs a version")
	}
	var about map[string]any
	if err := json.Unmarshal(manifest, &about); err != nil {
		return nil, err
	}
	about["version"] = version
	about["compatibility"] = map[string]any{"platforms": []string{platform}}
	return json.MarshalIndent(about, "", "  ")
}
