package store_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"wan-image-mcp/resources/store"
)

var day = time.Date(2026, 11, 22, 23, 59, 0, 0, time.UTC)

func TestFileName(t *testing.T) {
	for prompt, want := range map[string]string{
		"A flower shop with exquisite windows, a beautiful wooden door, and flowers on display": "flower-shop",
		"The cat":                             "cat",
		"a an the":                            "image",
		"":                                    "image",
		"  \n\t ":                             "image",
		"🌸🌸":                                  "image",
		"🌸 cherry blossom!":                   "cherry-blossom",
		"A photo of a cat in the hat":         "photo-of-cat",
		"with love":                           "with-love",
		"Cat with":                            "cat",
		"Portrait: an old man":                "portrait",
		"3.5 inch floppy disk":                "3-5-inch-floppy-disk",
		"red,blue;green":                      "red-blue-green",
		"The dragon's “lair”":                 "dragons-lair",
		"Big bad wolf eats seven small goats": "big-bad-wolf-eats-seven",
		"CON":                                 "con",
		`..\..\evil/../path:name*?"<>|`:       "evil-path-name",
		"supercalifragilistic expialidocious even though":      "supercalifragilistic-expialidocious",
		strings.Repeat("x", 300):                               strings.Repeat("x", 40),
		"一间有着精致窗户的花店，漂亮的木质门":                                   "一间有着精致窗户的花店",
		strings.Repeat("花", 100):                               strings.Repeat("花", 32),
		"Кот в сапогах":                                        "кот-в-сапогах",
		"متجر زهور":                                            "متجر-زهور",
		"नमस्ते दुनिया":                                        "नमस्ते-दुनिया",
		"e\u0301cole des beaux-arts":                           "e\u0301cole-des-beaux-arts",
		"\u202eevil\u200b name":                                "evil-name",
		"nul\x00byte\x1b[31m":                                  "nulbyte-31m",
		"bad \xff utf8 \xc3":                                   "bad-utf8",
		"\u0301\u0302 cat":                                     "cat",
		strings.Repeat("e\u0301\u0302\u0303\u0304\u0305", 100): strings.Repeat("e\u0301\u0302\u0303\u0304\u0305", 8),
	} {
		got := store.FileName(day, prompt, 1, "image/png")
		slug := strings.TrimSuffix(strings.TrimPrefix(got, "2026-11-22-"), "-1.png")
		if slug != want {
			t.Errorf("%q is named %q, want %q", prompt, slug, want)
		}
	}
	for mime, want := range map[string]string{
		"image/png": "2026-11-23-cat-4.png", "image/jpeg": "2026-11-23-cat-4.jpg", "image/webp": "2026-11-23-cat-4.webp",
	} {
		beijing := time.FixedZone("CST", 8*60*60)
		if got := store.FileName(day.In(beijing), "Cat", 4, mime); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func FuzzFileName(f *testing.F) {
	f.Add("A flower shop with exquisite windows", 1)
	f.Add("\xff\xc3 ，花", -1)
	folder, _, p := keep(f, store.Options{}, smallPNG(f, 1))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, prompt string, n int) {
		name := store.FileName(day, prompt, n, "image/png")
		if !utf8.ValidString(name) || len(name) > 140 {
			t.Errorf("%q is named %q", prompt, name)
		}
		path, err := folder.Export(p, dir, name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	})
}

func TestDefaultOutputDir(t *testing.T) {
	home := t.TempDir()
	state := filepath.Join(home, "state")
	for _, dir := range []string{"Pictures", "Bilder", "profile/Pictures", "config", ".config", "bare"} {
		if err := os.MkdirAll(filepath.Join(home, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	settings := "# comment\nXDG_DESKTOP_DIR=\"$HOME/Desktop\"\nXDG_PICTURES_DIR=\"$HOME/Bilder\"\n"
	mustWrite(t, filepath.Join(home, "config", "user-dirs.dirs"), []byte(settings))
	bare := filepath.Join(home, "bare")
	at := func(parts ...string) string { return filepath.Join(append([]string{home}, parts...)...) }
	tests := map[string]struct {
		goos, home string
		env        map[string]string
		want       string
	}{
		"linux":                   {"linux", home, nil, at("Pictures", "wan-image-mcp")},
		"linux, no folder":        {"linux", bare, nil, at("state", "output")},
		"linux, no home":          {"linux", "", nil, at("state", "output")},
		"linux, own name":         {"linux", home, map[string]string{"XDG_CONFIG_HOME": at("config")}, at("Bilder", "wan-image-mcp")},
		"linux, variable":         {"linux", home, map[string]string{"XDG_PICTURES_DIR": at("Bilder")}, at("Bilder", "wan-image-mcp")},
		"linux, none":             {"linux", home, map[string]string{"XDG_PICTURES_DIR": "$HOME/"}, at("state", "output")},
		"linux, gone":             {"linux", home, map[string]string{"XDG_PICTURES_DIR": "/no/such"}, at("state", "output")},
		"linux, relative":         {"linux", home, map[string]string{"XDG_PICTURES_DIR": "Bilder"}, at("Pictures", "wan-image-mcp")},
		"macOS":                   {"darwin", home, map[string]string{"XDG_PICTURES_DIR": at("Bilder")}, at("Pictures", "wan-image-mcp")},
		"Windows":                 {"windows", bare, map[string]string{"USERPROFILE": at("profile")}, at("profile", "Pictures", "wan-image-mcp")},
		"Windows, home":           {"windows", home, nil, at("Pictures", "wan-image-mcp")},
		"Windows, no such folder": {"windows", bare, nil, at("state", "output")},
	}
	for name, test := range tests {
		getenv := func(key string) string { return test.env[key] }
		if got := store.DefaultOutputDir(test.goos, test.home, getenv, state); got != test.want {
			t.Errorf("%s: got %s, want %s", name, got, test.want)
		}
	}
}
