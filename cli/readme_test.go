package cli_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"wan-image-mcp/cli"
	"wan-image-mcp/dashscope"
)

var update = flag.Bool("update", false, "rewrite the tables in the README")

const readme = "../README.md"

// TestREADME: the tables are what the program says of itself.
func TestREADME(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for name, table := range map[string]string{
		"tools": toolsTable(t), "models": modelsTable(), "regions": regionsTable(), "flags": flagsTable(), "links": links(t, text),
	} {
		section := regexp.MustCompile(`(?s)(<!-- ` + name + `: [^\n]* -->\n).*?(<!-- end -->)`)
		got := section.FindString(text)
		if got == "" {
			t.Errorf("the README has no place for the table of %s", name)
			continue
		}
		want := section.ReplaceAllString(got, "${1}"+strings.ReplaceAll(table, "$", "$$")+"${2}")
		if got != want && !*update {
			t.Errorf("the README's table of %s is old; go test ./cli -run README -update writes it (-want +got):\n%s", name, cmp.Diff(want, got))
		}
		text = strings.Replace(text, got, want, 1)
	}
	if *update {
		if err := os.WriteFile(readme, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func table(head []string, rows [][]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s |\n|%s\n", strings.Join(head, " | "), strings.Repeat("---|", len(head)))
	for _, row := range rows {
		for i, cell := range row {
			row[i] = strings.ReplaceAll(cell, "|", "\\|")
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
	}
	return b.String()
}

// toolsTable asks the program itself, over stdio.
func toolsTable(t *testing.T) string {
	var list struct {
		Result struct {
			Tools []struct {
				Name        string `json:"name"`
				Description string `json:"description"`
				InputSchema struct {
					Properties map[string]any `json:"properties"`
					Required   []string       `json:"required"`
				} `json:"inputSchema"`
			} `json:"tools"`
		} `json:"result"`
	}
	u := newUser(t)
	answers := u.speak(t, []string{"serve", "--simulate"}, `{"jsonrpc":"2.0","id":2,"method":"tools/list"}`)
	if err := json.Unmarshal([]byte(answers[2]), &list); err != nil {
		t.Fatal(err)
	}
	var rows [][]string
	for _, tool := range list.Result.Tools {
		var arguments []string
		for name := range tool.InputSchema.Properties {
			if slices.Contains(tool.InputSchema.Required, name) {
				name = "**" + name + "**"
			}
			arguments = append(arguments, name)
		}
		sort.Strings(arguments)
		rows = append(rows, []string{"`" + tool.Name + "`", strings.Join(arguments, ", "), tool.Description})
	}
	return table([]string{"tool", "arguments (**required**)", "what it does"}, rows)
}

func modelsTable() string {
	price := func(m dashscope.Model, r dashscope.Region) string {
		if offer, ok := m.Offers[r]; ok {
			return offer.Price.String()
		}
		return "-"
	}
	var rows [][]string
	for _, m := range dashscope.Models() {
		rows = append(rows, []string{
			"`" + m.ID + "`", price(m, dashscope.Beijing), price(m, dashscope.Singapore),
			fmt.Sprint(m.PromptMax), m.DefaultSize.String(), m.Sizes.String(),
		})
	}
	return table([]string{"model", "CNY, Beijing", "CNY, Singapore", "longest prompt", "default size", "legal sizes"}, rows)
}

func regionsTable() string {
	var rows [][]string
	for _, r := range dashscope.Regions() {
		address, err := r.BaseURL("")
		if err != nil {
			address = "only with `--workspace`"
		} else {
			address = "`" + address + "`"
		}
		var models []string
		for _, m := range dashscope.Models() {
			if _, ok := m.Offers[r]; ok {
				models = append(models, m.ID)
			}
		}
		served := strings.Join(models, ", ")
		switch len(models) {
		case len(dashscope.Models()):
			served = "all"
		case len(dashscope.Models()) - 1:
			for _, m := range dashscope.Models() {
				if !slices.Contains(models, m.ID) {
					served = "all but " + m.ID
				}
			}
		}
		rows = append(rows, []string{"`" + string(r) + "`", address, served})
	}
	return table([]string{"`--region`", "address", "models"}, rows)
}

// flagsTable has one row per flag and meaning, with the commands that know it.
func flagsTable() string {
	type key struct{ name, usage string }
	commands, defaults := map[key][]string{}, map[key][]string{}
	flags := map[key]*pflag.Flag{}
	var order []key
	walk(cli.Root(), func(c *cobra.Command, f *pflag.Flag) {
		if c.Parent() == nil || f.Name == "help" {
			return // without a command it is serve
		}
		k := key{f.Name, f.Usage}
		if flags[k] == nil {
			order = append(order, k)
		}
		flags[k] = f
		if !slices.Contains(defaults[k], f.DefValue) {
			defaults[k] = append(defaults[k], f.DefValue)
		}
		commands[k] = append(commands[k], strings.TrimPrefix(c.CommandPath(), "wan-image-mcp "))
	})
	sort.SliceStable(order, func(i, j int) bool { return order[i].name < order[j].name })
	var rows [][]string
	for _, k := range order {
		f := flags[k]
		kind, usage := pflag.UnquoteUsage(f)
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		if kind != "" {
			name += " " + kind
		}
		var def []string
		for _, value := range defaults[k] {
			if value != "" && value != "[]" && value != "false" {
				def = append(def, "`"+value+"`")
			}
		}
		rows = append(rows, []string{"`" + name + "`", "`" + cli.EnvName(f.Name) + "`", strings.Join(def, " or "), usage, strings.Join(commands[k], ", ")})
	}
	return table([]string{"flag", "variable", "default", "meaning", "commands"}, rows)
}

func walk(c *cobra.Command, visit func(*cobra.Command, *pflag.Flag)) {
	c.LocalFlags().VisitAll(func(f *pflag.Flag) { visit(c, f) })
	for _, sub := range c.Commands() {
		if sub.Name() != "completion" && sub.Name() != "help" {
			walk(sub, visit)
		}
	}
}

// TestEveryFlagHasAVariable: an illegal value in the variable is an error that
// names it, and so the variable is read.
func TestEveryFlagHasAVariable(t *testing.T) {
	t.Parallel()
	walk(cli.Root(), func(c *cobra.Command, f *pflag.Flag) {
		kind := f.Value.Type()
		if f.Name == "help" || kind == "string" || kind == "stringSlice" {
			return // any text is legal, as far as the flag knows
		}
		u := newUser(t)
		u.env[cli.EnvName(f.Name)] = "?"
		args := strings.Fields(c.CommandPath())[1:]
		switch c.Name() {
		case "generate", "cancel":
			args = append(args, "x")
		case "install":
			args = append(args, "cursor")
		}
		got := u.run(t, args...)
		if got.code != 2 || !strings.Contains(got.stderr, cli.EnvName(f.Name)) {
			t.Errorf("%s with %s=? ended with %d: %s", c.CommandPath(), cli.EnvName(f.Name), got.code, got.stderr)
		}
	})
}

// TestTroubleshooting: the README quotes what the program says.
func TestTroubleshooting(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		quote string
		set   map[string]string
		args  []string
	}{
		{"there is no API key", map[string]string{"DASHSCOPE_API_KEY": ""}, []string{"generate", "x"}},
		{"the API key is not valid in region", map[string]string{"DASHSCOPE_API_KEY": "sk-invalid000000000000000000"}, []string{"generate", "x"}},
		{"takes at least", nil, []string{"generate", "--model", "wan2.6-t2i", "--size", "10*10", "x"}},
		{"takes at most", nil, []string{"generate", "--model", "wan2.6-t2i", "--size", "4000*4000", "x"}},
		{"takes sides", nil, []string{"generate", "--size", "10*10", "x"}},
		{"over the budget of pictures", nil, []string{"generate", "-n", "2", "--budget-images-per-day", "1", "x"}},
		{"the account cannot buy pictures", nil, []string{"generate", "x [sim:refuse=Arrearage]"}},
		{"the content check refused", nil, []string{"generate", "x [sim:refuse]"}},
		{"the picture link is not allowed", nil, []string{"generate", "x [sim:link=http://10.0.0.1/x.png]"}},
		{"there is no flag --api-key", nil, []string{"serve", "--api-key", "x"}},
	} {
		t.Run(test.quote, func(t *testing.T) {
			t.Parallel()
			u := newUser(t)
			newUpstream(t, u, simulatorOptions)
			maps.Copy(u.env, test.set)
			if got := u.run(t, test.args...); !strings.Contains(got.stderr, test.quote) {
				t.Errorf("%q says %s", test.args, got.stderr)
			}
			if !strings.Contains(string(b), test.quote) {
				t.Errorf("the README does not tell what to do about %q", test.quote)
			}
		})
	}
}
