package cli

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"wan-image-mcp/tasks"
	"wan-image-mcp/tools"
)

// delivery is how a command hands over pictures.
type delivery struct {
	out   string
	json  bool
	quiet bool
}

func (d *delivery) flags(f *pflag.FlagSet) {
	f.StringVar(&d.out, "out", ".", "`FOLDER` to save the pictures in, none for none")
	f.BoolVar(&d.json, "json", false, "print the task as JSON")
	f.BoolVar(&d.quiet, "quiet", false, "show no progress")
}

// folder is where pictures are saved, "" for nowhere.
func (d *delivery) folder() (string, error) {
	if d.out == "none" || d.out == "" {
		return "", nil
	}
	dir, err := filepath.Abs(d.out)
	if err != nil {
		return "", fmt.Errorf("folder for the pictures: %w", err)
	}
	if err := canWrite(dir); err != nil {
		return "", withHint(fmt.Errorf("cannot save pictures: %w", err), "name another folder with --out")
	}
	return dir, nil
}

func (p *program) generateCommand() *cobra.Command {
	var (
		s settings
		d delivery
	)
	cmd := &cobra.Command{
		Use: "generate PROMPT", SuggestFor: []string{"create", "image", "draw"},
		Short: "Make pictures and save them",
		Long: `Orders pictures, waits until they are there, however long it takes, saves them and
prints path, size, seed and list price. It calls the same tool that an MCP client
calls, with the same limits; wan-image-mcp models tells them.

The order goes on when this command is interrupted. Get its pictures later with
wan-image-mcp task ID, which costs nothing more. The same command within 15 minutes
finds an interrupted order again instead of paying twice.`,
		Example: `  wan-image-mcp generate --simulate "A flower shop with exquisite windows"
  wan-image-mcp generate --aspect-ratio 16:9 -n 2 --out ~/Pictures "A lighthouse at dusk"
  wan-image-mcp generate --model wan2.2-t2i-flash --size 1440*810 --seed 7 --json "Fog"`,
		Args: onePrompt,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.generate(cmd, &s, d, toolArguments(cmd.Flags(), args[0]))
		},
	}
	f := cmd.Flags()
	// What these may hold is the tool's business: one place knows the limits.
	f.String("model", "", "`MODEL` to ask; wan-image-mcp models lists them")
	f.String("size", "", "`WIDTH*HEIGHT` in pixels")
	f.String("aspect-ratio", "", "`RATIO` instead of a size: 1:1, 4:3, 3:4, 16:9 or 9:16")
	f.StringP("n", "n", "1", "`NUMBER` of images, 1 to 4; each is paid for")
	f.String("negative-prompt", "", "`TEXT` that tells what the picture should not show")
	f.String("seed", "", "`NUMBER` from 0 to 2147483647: the same seed, a similar picture (default a random one)")
	f.Bool("prompt-extend", true, "let the service rewrite the prompt")
	f.Bool("watermark", false, "add the service's mark that the picture was made by AI")
	f.String("idempotency-key", "", "`WORD` of your own: the same word finds the same order instead of paying again")
	d.flags(f)
	s.serviceFlags(f)
	s.orderFlags(f)
	s.fetchFlags(f)
	s.stateFlags(f)
	s.log.flags(f, "warn")
	return cmd
}

func onePrompt(cmd *cobra.Command, args []string) error {
	switch len(args) {
	case 0:
		return withHint(usagef("the prompt is missing"), `wan-image-mcp generate "A flower shop with exquisite windows"`)
	case 1:
		return nil
	}
	return withHint(usagef("the prompt is %d words: put it in quotation marks", len(args)),
		`wan-image-mcp generate "A flower shop with exquisite windows"`)
}

// toolArguments are the arguments of generate_image: what was set and nothing else.
func toolArguments(f *pflag.FlagSet, prompt string) map[string]any {
	arguments := map[string]any{"prompt": prompt}
	for flag, name := range map[string]string{
		"model": "model", "size": "size", "aspect-ratio": "aspect_ratio", "n": "n", "negative-prompt": "negative_prompt",
		"seed": "seed", "prompt-extend": "prompt_extend", "watermark": "watermark", "idempotency-key": "idempotency_key",
	} {
		set := f.Lookup(flag)
		if !set.Changed {
			continue
		}
		arguments[name] = set.Value.String()
		if set.Value.Type() == "bool" {
			arguments[name] = set.Value.String() == "true"
		}
	}
	return arguments
}

// wellFormed refuses text that is not UTF-8: on its way to the tool JSON would put
// other characters in its place, and a picture of those would be paid for.
func wellFormed(arguments map[string]any) error {
	for name, value := range arguments {
		if text, ok := value.(string); ok && !utf8.ValidString(text) {
			return withHint(usagef("%s is not valid UTF-8", commandLine.Replace(name)), "set the terminal, or save the script, in UTF-8")
		}
	}
	return nil
}

// generate orders, waits and delivers.
func (p *program) generate(cmd *cobra.Command, s *settings, d delivery, arguments map[string]any) error {
	if err := wellFormed(arguments); err != nil {
		return err
	}
	dir, err := d.folder()
	if err != nil {
		return err
	}
	return p.attend(cmd, s, d, dir, func(ctx context.Context, c *toolClient) (tasks.Answer, error) {
		arguments = maps.Clone(arguments)
		arguments["wait_seconds"] = 0 // the id first, so that an interrupted wait can name it
		return c.call(ctx, tools.GenerateImage, arguments)
	})
}
