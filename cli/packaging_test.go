package cli_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"wan-image-mcp/cli"
)

// read decodes a file of the repository.
func read(t *testing.T, path string, into any) {
	t.Helper()
	b, err := os.ReadFile("../" + path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// isSetting reports whether the server reads a variable, and takes that value.
func isSetting(variable, value string) bool {
	known := variable == "DASHSCOPE_API_KEY"
	walk(cli.Root(), func(c *cobra.Command, f *pflag.Flag) {
		if c.Name() == "serve" && cli.EnvName(f.Name) == variable {
			known = value == "" || strings.Contains(value, "${") || f.Value.Set(value) == nil
		}
	})
	return known
}

// TestBundleManifest: Claude Desktop's bundle sets what the server reads, and
// promises the tools that it has.
func TestBundleManifest(t *testing.T) {
	t.Parallel()
	var manifest struct {
		Server struct {
			Config struct{ Env map[string]string } `json:"mcp_config"`
		}
		Tools      []struct{ Name string }
		UserConfig map[string]struct {
			Default any
		} `json:"user_config"`
	}
	read(t, "packaging/mcpb/manifest.json", &manifest)
	asked := regexp.MustCompile(`^\$\{user_config\.(\w+)\}$`)
	for variable, value := range manifest.Server.Config.Env {
		name := asked.FindStringSubmatch(value)
		if name == nil || !isSetting(variable, "") {
			t.Errorf("the server does not read %s=%s", variable, value)
			continue
		}
		option, ok := manifest.UserConfig[name[1]]
		if b, err := json.Marshal(option.Default); !ok || err != nil || (option.Default != nil && !isSetting(variable, strings.Trim(string(b), `"`))) {
			t.Errorf("%s cannot be %v, %v", variable, option.Default, err)
		}
		delete(manifest.UserConfig, name[1])
	}
	if len(manifest.UserConfig) > 0 {
		t.Errorf("the user is asked for %v, which nobody reads", manifest.UserConfig)
	}

	var list struct {
		Result struct{ Tools []struct{ Name string } }
	}
	answers := newUser(t).speak(t, []string{"serve", "--simulate"}, `{"jsonrpc":"2.0","id":2,"method":"tools/list"}`)
	if err := json.Unmarshal([]byte(answers[2]), &list); err != nil {
		t.Fatal(err)
	}
	names := func(all []struct{ Name string }) (names []string) {
		for _, one := range all {
			names = append(names, one.Name)
		}
		sort.Strings(names)
		return names
	}
	if diff := cmp.Diff(names(list.Result.Tools), names(manifest.Tools)); diff != "" {
		t.Errorf("the tools: -server +manifest:\n%s", diff)
	}
}

// TestRegistryEntry: the registry's rules that its schema holds, and those that it
// checks besides.
func TestRegistryEntry(t *testing.T) {
	t.Parallel()
	var entry struct {
		Name, Description, Version string
		Packages                   []struct {
			RegistryType, Identifier, Version string
			EnvironmentVariables              []struct {
				Name, Default string
				Choices       []string
				IsSecret      bool
			}
		}
	}
	read(t, "server.json", &entry)
	if n := utf8.RuneCountInString(entry.Description); n == 0 || n > 100 {
		t.Errorf("the description has %d characters, at most 100 are taken", n)
	}
	dockerfile, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(dockerfile), `io.modelcontextprotocol.server.name="`+entry.Name+`"`) {
		t.Errorf("the image does not say that it is %s", entry.Name)
	}
	var manifest struct{ Version string }
	read(t, "packaging/mcpb/manifest.json", &manifest)
	if entry.Version != manifest.Version {
		t.Errorf("the version is %s in server.json and %s in the bundle", entry.Version, manifest.Version)
	}
	for _, p := range entry.Packages {
		if p.RegistryType == "oci" && (!strings.HasSuffix(p.Identifier, ":"+entry.Version) || p.Version != "") {
			t.Errorf("the image is %s of version %q", p.Identifier, p.Version)
		}
		for _, v := range p.EnvironmentVariables {
			for _, value := range append(slices.Clone(v.Choices), v.Default) {
				if !isSetting(v.Name, value) {
					t.Errorf("the server does not take %s=%s", v.Name, value)
				}
			}
			if v.IsSecret != strings.Contains(v.Name, "KEY") {
				t.Errorf("%s is secret: %t", v.Name, v.IsSecret)
			}
		}
	}
}
