package main

import (
	"flag"
	"image/png"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite what the scripts expect to read")

// TestMain makes the program a command that scripts and tests can start: it is
// the real main, in a process of its own.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"wan-image-mcp": main})
}

// TestScripts runs the command lines in testdata/scripts.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "scripts"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("USERPROFILE", env.WorkDir)
			env.Setenv("LOCALAPPDATA", env.WorkDir)
			env.Setenv("WAN_IMAGE_MCP_SIMULATE_SPEED", "1000")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"pngs": pngs},
	})
}

// pngs FOLDER MANY WIDTH HEIGHT: the folder holds that many PNG files of that size.
func pngs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: pngs FOLDER MANY WIDTH HEIGHT")
	}
	files, err := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), "*.png"))
	ts.Check(err)
	if got := strconv.Itoa(len(files)); got != args[1] {
		ts.Fatalf("there are %s PNG files in %s, want %s", got, args[0], args[1])
	}
	for _, name := range files {
		f, err := os.Open(name)
		ts.Check(err)
		picture, err := png.Decode(f)
		ts.Check(err)
		ts.Check(f.Close())
		if w, h := strconv.Itoa(picture.Bounds().Dx()), strconv.Itoa(picture.Bounds().Dy()); w != args[2] || h != args[3] {
			ts.Fatalf("%s is %s by %s, want %s by %s", name, w, h, args[2], args[3])
		}
	}
}
