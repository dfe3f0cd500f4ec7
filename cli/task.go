package cli

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/tasks"
	"wan-image-mcp/tools"
)

const recentTasks = 10

func (p *program) taskCommand() *cobra.Command {
	var (
		s settings
		d delivery
	)
	cmd := &cobra.Command{
		Use: "task [ID]", SuggestFor: []string{"list", "status"},
		Short: "Get the pictures of an order, or list the newest orders",
		Long: `With the ID of a task: waits until it has ended, saves its pictures and prints path,
size, seed and list price, as generate does. It costs nothing, and it works after a
crash or a restart. The ID may be the service's own, too.

Without an ID: lists the newest ten tasks and what was bought today.`,
		Example: `  wan-image-mcp task
  wan-image-mcp task k3j5x9q2m7v4c8b6n1t0r5w2y3 --out ~/Pictures
  wan-image-mcp task cancel k3j5x9q2m7v4c8b6n1t0r5w2y3`,
		Args: oneTask,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return p.listTasks(cmd, &s, d.json)
			}
			dir, err := d.folder()
			if err != nil {
				return err
			}
			return p.attend(cmd, &s, d, dir, func(ctx context.Context, c *toolClient) (tasks.Answer, error) {
				return c.call(ctx, tools.GetTask, map[string]any{"task_id": args[0], "wait_seconds": 0})
			})
		},
	}
	f := cmd.Flags()
	d.flags(f)
	s.serviceFlags(f)
	s.fetchFlags(f)
	s.stateFlags(f)
	s.log.flags(f, "warn")
	cmd.AddCommand(p.cancelCommand())
	return cmd
}

func oneTask(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return withHint(usagef("one task at a time, but got %d ids", len(args)), "%s --help tells how to use it", cmd.CommandPath())
	}
	return nil
}

func (p *program) cancelCommand() *cobra.Command {
	var s settings
	cmd := &cobra.Command{
		Use:   "cancel ID",
		Short: "Take an order back, as long as that is possible",
		Long: `Takes an order back. One that was not sent yet costs nothing. One that waits at the
service (PENDING) is taken back there. One that is being drawn goes on and is paid
for: the service cannot stop it.`,
		Example: "  wan-image-mcp task cancel k3j5x9q2m7v4c8b6n1t0r5w2y3",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return withHint(usagef("cancel takes the id of one task"), "wan-image-mcp task lists the newest")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withWork(cmd.Context(), &s, func(ctx context.Context, w *work) error {
				task, err := w.tasks.Cancel(ctx, w.caller(), args[0])
				if err != nil {
					return toolError(err.Error())
				}
				_, err = fmt.Fprintf(p.stdout, "task %s: %s\n", task.ID, task.State)
				return err
			})
		},
	}
	s.whichFlags(cmd.Flags())
	s.stateFlag(cmd.Flags())
	s.log.flags(cmd.Flags(), "warn")
	return cmd
}

// withWork runs fn with everything open and nothing running.
func (p *program) withWork(ctx context.Context, s *settings, fn func(context.Context, *work) error) (err error) {
	if err := s.resolve(p.getenv); err != nil {
		return err
	}
	w, err := p.open(ctx, s, s.log.logger(p.stderr, p.colour()), "", nil)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := w.close(); err == nil {
			err = closeErr
		}
	}()
	return fn(ctx, w)
}

// taskList is what task --json prints without an id.
type taskList struct {
	Tasks  []listedTask `json:"tasks"`
	Budget tasks.Budget `json:"budget"`
}

// listedTask is a task with its prompt, by which somebody finds his own in a list.
type listedTask struct {
	tasks.Answer
	Prompt string `json:"prompt"`
}

func (p *program) listTasks(cmd *cobra.Command, s *settings, asJSON bool) error {
	return p.withWork(cmd.Context(), s, func(ctx context.Context, w *work) error {
		newest, err := w.tasks.Recent(ctx, w.caller(), recentTasks)
		if err != nil {
			return err
		}
		budget, err := w.tasks.Budget(ctx)
		if err != nil {
			return err
		}
		if asJSON {
			list := taskList{Tasks: []listedTask{}, Budget: budget}
			for _, t := range newest {
				list.Tasks = append(list.Tasks, listedTask{t.Answer(), t.Request.Prompt})
			}
			return p.printJSON(list)
		}
		return p.printTasks(newest, budget, s.simulate)
	})
}

func (p *program) printTasks(newest []tasks.Task, budget tasks.Budget, simulated bool) error {
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	if len(newest) > 0 {
		fmt.Fprintln(w, "TASK\tSTATUS\tASKED\tMODEL\tSIZE\tKEPT\tPROMPT")
	}
	for _, t := range newest {
		kept := 0
		for _, picture := range t.Pictures {
			if picture.IsKept() {
				kept++
			}
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d of %d\t%s\n", t.ID, t.State, t.Created.Local().Format(time.DateTime),
			t.Request.Model, t.Request.Size, kept, t.Request.N, beginning(t.Request.Prompt))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(p.stdout, budgetLine(budget, simulated))
	return err
}

// beginning is as much of a prompt as fits a table.
func beginning(prompt string) string {
	const most = 40
	text := dashscope.Clean(prompt)
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most-3]) + "..."
}

func budgetLine(b tasks.Budget, simulated bool) string {
	line := "today: " + imageCount(b.ImagesToday)
	if simulated {
		line += ", simulated: no cost"
	}
	line += fmt.Sprintf(", list price %s CNY", yuan(b.PriceToday))
	if b.Limit > 0 {
		line += fmt.Sprintf("; %d of %d left until midnight", max(0, b.Limit-b.ImagesToday), b.Limit)
	}
	return line
}

// yuan writes an amount of money with at least two decimals.
func yuan(amount float64) string { return dashscope.Yuan(amount).String() }
