package cli_test

import (
	"encoding/json"
	"os"
	"regexp"
	"testing"
)

// TestFrameworks: the program takes the flags that the README's snippets give it.
func TestFrameworks(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	snippets := regexp.MustCompile(`"?args"?: (\["--(?:result|structured)[^\]]*\])`).FindAllSubmatch(b, -1)
	if len(snippets) != 4 {
		t.Errorf("the README has %d snippets for frameworks, want 4", len(snippets))
	}
	for _, snippet := range snippets {
		var args []string
		if err := json.Unmarshal(snippet[1], &args); err != nil {
			t.Fatalf("%s: %v", snippet[1], err)
		}
		if got := newUser(t).run(t, args...); got.code != 0 {
			t.Errorf("%s: it ends with %d: %s", snippet[1], got.code, got.stderr)
		}
	}
}
