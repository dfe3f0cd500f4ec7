package resources

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mark3labs/mcp-go/mcp"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/tasks"
)

// errUnknown says that there is no such resource for this caller.
var errUnknown = errors.New("no such resource; resources/list and get_task without task_id tell what there is")

// found is what stands behind a URI.
type found struct {
	reference
	model   dashscope.Model
	task    tasks.Task
	picture tasks.Picture
}

// find looks a resource up. An error that is not errUnknown, nor wraps
// tasks.ErrNoSuchPicture, is a failure of ours.
func (s *Shelf) find(ctx context.Context, uri string) (found, error) {
	ref, ok := parse(uri)
	if !ok {
		return found{}, errUnknown
	}
	f := found{reference: ref}
	if ref.budget {
		return f, nil
	}
	if ref.model != "" {
		if f.model, ok = dashscope.LookupModel(ref.model); !ok {
			return found{}, errUnknown
		}
		return f, nil
	}
	var err error
	f.task, err = s.service.Get(ctx, s.caller(ctx), ref.task)
	if errors.Is(err, tasks.ErrNoSuchTask) {
		return found{}, errUnknown
	}
	if err != nil || ref.n == 0 {
		return f, err
	}
	f.picture, err = pictureOf(f.task, ref.n)
	return f, err
}

// pictureOf is the kept picture of that number, or why there is none.
func pictureOf(t tasks.Task, n int) (tasks.Picture, error) {
	i := slices.IndexFunc(t.Pictures, func(p tasks.Picture) bool { return p.N == n })
	switch {
	case i >= 0 && t.Pictures[i].IsKept():
		return t.Pictures[i], nil
	case !t.State.Terminal() || (i >= 0 && t.Pictures[i].IsComing()):
		return tasks.Picture{}, fmt.Errorf("%w yet: the task is %s; call get_task", tasks.ErrNoSuchPicture, t.State)
	case i >= 0:
		return tasks.Picture{}, fmt.Errorf("%w: %s", tasks.ErrNoSuchPicture, t.Pictures[i].Reason)
	}
	return tasks.Picture{}, fmt.Errorf("%w: the task is %s and has %d", tasks.ErrNoSuchPicture, t.State, len(t.Pictures))
}

// Exists reports whether the caller of ctx can read uri now.
func (s *Shelf) Exists(ctx context.Context, uri string) bool {
	_, err := s.find(ctx, uri)
	return err == nil
}

// notFound makes mcp-go answer that a resource does not exist, with the code that
// the client's protocol version has for it. A handler cannot say that: whatever
// error it returns becomes an internal one. So what is not there is given a name
// that nothing is registered under, and which carries the reason.
func (s *Shelf) notFound(ctx context.Context, _ any, req *mcp.ReadResourceRequest) {
	_, err := s.find(ctx, req.Params.URI)
	if errors.Is(err, errUnknown) || errors.Is(err, tasks.ErrNoSuchPicture) {
		req.Params.URI = fmt.Sprintf("%s (%s)", printable(req.Params.URI), err)
	}
}
