package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"wan-image-mcp/resources/store"
	"wan-image-mcp/tasks"
)

// save puts the pictures of a task where the user wants them and writes their
// paths into the answer. A picture that is there already is not saved twice.
func (t *attendance) save(ctx context.Context, a *tasks.Answer) error {
	if t.dir == "" {
		return nil
	}
	task, err := t.work.tasks.Get(ctx, t.work.caller(), a.TaskID)
	if err != nil {
		return err
	}
	for i := range a.Images {
		for _, picture := range task.Pictures {
			if picture.N != a.Images[i].N || !picture.IsKept() {
				continue
			}
			name := store.FileName(task.Created.Local(), task.Request.Prompt, picture.N, picture.Kept.MIME)
			path := filepath.Join(t.dir, name)
			if !holds(path, picture.Kept) {
				if path, err = t.work.store.Export(picture.Kept, t.dir, name); err != nil {
					return err
				}
			}
			a.Images[i].Path = path
		}
	}
	return nil
}

// holds reports whether the file at path is that picture.
func holds(path string, picture store.Picture) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Size() != picture.Bytes {
		return false
	}
	sum := sha256.New()
	_, err = io.Copy(sum, f)
	return err == nil && hex.EncodeToString(sum.Sum(nil)) == picture.SHA256
}

// print tells what was made: one line per picture, then one for all.
func (t *attendance) print(a tasks.Answer) error {
	p := t.p
	made := 0
	for _, image := range a.Images {
		if image.Error == "" {
			made++
		}
	}
	if t.d.json {
		if err := p.printJSON(a); err != nil {
			return err
		}
		if made == 0 {
			return &silentError{}
		}
		return nil
	}
	for _, image := range a.Images {
		if image.Error != "" {
			fmt.Fprintf(p.stderr, "picture %d: %s\n", image.N, image.Error)
			continue
		}
		fmt.Fprintf(p.stdout, "%s  %s%s\n", t.where(image), sizeOf(image, a), seedOf(a))
	}
	if made == 0 {
		return t.noPicture(a)
	}
	_, err := fmt.Fprintln(p.stdout, summary(a, made))
	return err
}

// noPicture says what to do about a task whose pictures could not be fetched.
func (t *attendance) noPicture(a tasks.Answer) error {
	err := fmt.Errorf("task %s has no picture", a.TaskID)
	for _, image := range a.Images {
		switch {
		case image.URL == "":
		case strings.HasPrefix(image.Error, store.ErrNotAllowed.Error()):
			return withHint(err, "allow the host of its link with --allow-image-host HOST:PORT, then: %s", t.again(a.TaskID))
		default:
			return withHint(err, "try again: %s", t.again(a.TaskID))
		}
	}
	return err
}

// where is the shortest way to name a picture: its path as the user sees it, or
// the way to get it when it was not saved.
func (t *attendance) where(image tasks.ImageAnswer) string {
	switch {
	case image.Path == "":
		return image.ResourceURI
	case t.dir != "" && !filepath.IsAbs(t.d.out):
		return filepath.Join(t.d.out, filepath.Base(image.Path))
	}
	return image.Path
}

func sizeOf(image tasks.ImageAnswer, a tasks.Answer) string {
	if image.Width == 0 {
		return a.Size
	}
	return fmt.Sprintf("%d*%d", image.Width, image.Height)
}

func seedOf(a tasks.Answer) string {
	if a.Seed == nil {
		return ""
	}
	return fmt.Sprintf("  seed %d", *a.Seed)
}

// summary is such as "1 image by wan2.6-t2i, list price 0.20 CNY, task k3..".
func summary(a tasks.Answer, made int) string {
	parts := []string{imageCount(made) + " by " + a.Model}
	switch {
	case a.Simulated:
		parts = append(parts, "simulated: no cost", fmt.Sprintf("list price %s CNY", yuan(a.PriceCNY)))
	case a.PriceCNY > 0:
		parts = append(parts, fmt.Sprintf("list price %s CNY", yuan(a.PriceCNY)))
	}
	return strings.Join(append(parts, "task "+a.TaskID), ", ")
}

// imageCount is such as "1 image".
func imageCount(n int) string {
	if n == 1 {
		return "1 image"
	}
	return fmt.Sprintf("%d images", n)
}
