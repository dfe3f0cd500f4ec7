package simulator

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Marker is a text in a prompt that makes the service misbehave for that
// one call, so that a client can be tried without the admin endpoint.
type Marker struct {
	Text string // as written in a prompt, with its optional value
	What string
}

// Markers returns every marker. A marker that is not among them is refused,
// so that a typing error does not pass for a success.
func Markers() []Marker {
	return []Marker{
		{"[sim:fail]", "the task ends FAILED with InternalError.Algo; [sim:fail=CODE] with another code"},
		{"[sim:refuse]", "the create is refused with 400 DataInspectionFailed; [sim:refuse=CODE] with another code and its status"},
		{"[sim:partial]", "the last of several pictures fails"},
		{"[sim:slow=60s]", "the task runs that long, whatever the speed"},
		{"[sim:queue=30s]", "the task stays PENDING that long, whatever the speed"},
		{"[sim:stuck]", "the task never ends"},
		{"[sim:delay=40s]", "the create is accepted and answered that late, even if its client has left"},
		{"[sim:hang]", "the create is accepted and never answered"},
		{"[sim:hang-before]", "the create is neither accepted nor answered"},
		{"[sim:cut-before]", "the connection is reset before the create is accepted; [sim:cut-before=2] the first two times"},
		{"[sim:cut-after]", "the connection is reset after the create is accepted"},
		{"[sim:truncate]", "the create is accepted, its answer ends in the middle"},
		{"[sim:empty]", "the create is accepted, its answer is empty"},
		{"[sim:wrong-type]", "the create is accepted, its answer has the wrong types"},
		{"[sim:html]", "the create is answered by a gateway's HTML page (502) and not accepted"},
		{"[sim:429]", "the create is refused with this HTTP status, any of 400 to 599; [sim:429=2] the first two times"},
		{"[sim:500-after]", "the create is accepted and answered with this HTTP status"},
		{"[sim:one-choice]", "messages form: all pictures in one choice instead of one choice each"},
		{"[sim:link=URL]", "links in the finished task lead to URL"},
		{"[sim:image=KIND]", "every download of the task's pictures meets this image fault: " + strings.Join(kindsOf("image"), ", ")},
	}
}

func kindsOf(op string) []string {
	var names []string
	for _, k := range Kinds() {
		if slices.Contains(k.Ops, op) && k.Name != "refuse_connection" && k.Name != "delay" {
			names = append(names, k.Name)
		}
	}
	return names
}

// A marker as found in a prompt.
type marker struct {
	Name  string `json:"name"`
	Value string `json:"value,omitempty"`
}

func (m marker) String() string {
	if m.Value == "" {
		return "[sim:" + m.Name + "]"
	}
	return "[sim:" + m.Name + "=" + m.Value + "]"
}

var (
	markerPattern = regexp.MustCompile(`\[sim:([a-z0-9-]*)(?:=([^\]]*))?\]`)
	statusPattern = regexp.MustCompile(`^([45]\d\d)(-after)?$`)
)

// findMarkers returns the markers of a prompt, or an error for one that is
// not known or has a value that it cannot have.
func findMarkers(prompt string) ([]marker, error) {
	var found []marker
	for _, match := range markerPattern.FindAllStringSubmatch(prompt, -1) {
		m := marker{match[1], match[2]}
		if err := m.check(); err != nil {
			return nil, err
		}
		found = append(found, m)
	}
	return found, nil
}

func (m marker) check() error {
	var ok bool
	switch m.Name {
	case "slow", "queue", "delay":
		d, err := time.ParseDuration(m.Value)
		ok = err == nil && d >= 0
	case "image":
		ok = slices.Contains(kindsOf("image"), m.Value)
	case "link":
		ok = m.Value != ""
	case "fail", "refuse":
		ok = true
	case "partial", "stuck", "hang", "hang-before", "cut-after", "truncate", "empty", "wrong-type", "html", "one-choice":
		ok = m.Value == ""
	default:
		ok = m.Name == "cut-before" || statusPattern.MatchString(m.Name)
		if m.Value != "" {
			n, err := strconv.Atoi(m.Value)
			ok = ok && err == nil && n > 0 && !strings.HasSuffix(m.Name, "-after")
		}
	}
	if !ok {
		return fmt.Errorf("simulator: marker %s is not known or has no such value; see the package's list of markers", m)
	}
	return nil
}

// fault is what the marker does to the create call, if anything.
func (m marker) fault() (Fault, bool) {
	switch m.Name {
	case "refuse":
		code := m.Value
		if code == "" {
			code = "DataInspectionFailed"
		}
		return Fault{Kind: "status", Code: code}, true
	case "delay":
		return Fault{Kind: "delay", DelayMS: m.duration().Milliseconds()}, true
	case "hang":
		return Fault{Kind: "hang", After: true}, true
	case "hang-before":
		return Fault{Kind: "hang"}, true
	case "cut-before":
		return Fault{Kind: "cut_before"}, true
	case "cut-after":
		return Fault{Kind: "cut_after"}, true
	case "wrong-type":
		return Fault{Kind: "wrong_type"}, true
	case "truncate", "empty", "html":
		return Fault{Kind: m.Name}, true
	}
	if status := statusPattern.FindStringSubmatch(m.Name); status != nil {
		n, _ := strconv.Atoi(status[1])
		return Fault{Kind: "status", Status: n, After: status[2] != ""}, true
	}
	return Fault{}, false
}

func (m marker) duration() time.Duration {
	d, _ := time.ParseDuration(m.Value) // checked when found
	return d
}

func (t *task) has(name string) bool {
	_, found := t.value(name)
	return found
}

func (t *task) value(name string) (string, bool) {
	i := slices.IndexFunc(t.Markers, func(m marker) bool { return m.Name == name })
	if i < 0 {
		return "", false
	}
	return t.Markers[i].Value, true
}

// plain is a prompt without its markers.
func plain(prompt string) string {
	return strings.Join(strings.Fields(markerPattern.ReplaceAllString(prompt, "")), " ")
}

// count is how many calls a marker such as [sim:429=2] happens to.
func (m marker) count() (limit int, counted bool) {
	if m.Value == "" || m.Name != "cut-before" && !statusPattern.MatchString(m.Name) {
		return 0, false
	}
	limit, _ = strconv.Atoi(m.Value) // checked when found
	return limit, true
}

func texts(markers []marker) []string {
	var out []string
	for _, m := range markers {
		out = append(out, m.String())
	}
	return out
}
