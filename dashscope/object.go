package dashscope

import (
	"encoding/json"
	"errors"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// object is a JSON object whose fields may be missing or of the wrong type; both
// read as the zero value. encoding/json's structs would refuse a whole answer for
// one odd field, and would take "Code" for "code".
type object map[string]json.RawMessage

var (
	errNotObject = errors.New("the answer is not a JSON object")
	errHasCode   = errors.New("the answer has an error code")
)

func parseObject(data []byte) (object, error) {
	var o object
	if err := json.Unmarshal(data, &o); err != nil || o == nil {
		return nil, errNotObject
	}
	return o, nil
}

func (o object) object(key string) object {
	inner, _ := parseObject(o[key])
	return inner
}

// has reports whether a field says anything, in whatever type.
func (o object) has(key string) bool {
	raw := string(o[key])
	return raw != "" && raw != "null" && raw != `""`
}

// array returns the raw items of an array, and whether there is one.
func (o object) array(key string) ([]json.RawMessage, bool) {
	var items []json.RawMessage
	err := json.Unmarshal(o[key], &items)
	return items, err == nil && items != nil
}

// list returns those items of an array that are objects.
func (o object) list(key string) []object {
	items, _ := o.array(key)
	var list []object
	for _, item := range items {
		if inner, err := parseObject(item); err == nil {
			list = append(list, inner)
		}
	}
	return list
}

func (o object) text(key string) string {
	var s string
	if json.Unmarshal(o[key], &s) != nil {
		return ""
	}
	return s
}

// int reads a whole number, also one in quotes or written as 1.0.
func (o object) int(key string) (int64, bool) {
	digits := strings.Trim(string(o[key]), `"`)
	if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(digits, 64)
	const exact = 1 << 53
	if err != nil || f != math.Trunc(f) || math.Abs(f) > exact {
		return 0, false
	}
	return int64(f), true
}

// count reads a number that cannot be negative; 0 = not told.
func (o object) count(key string) int {
	n, _ := o.int(key)
	return int(min(max(n, 0), math.MaxInt32))
}

// time reads China time with or without milliseconds.
func (o object) time(key string) time.Time {
	t, err := time.ParseInLocation(time.DateTime, o.text(key), chinaTime)
	if err != nil {
		return time.Time{}
	}
	return t
}

// millis reads milliseconds since 1970.
func (o object) millis(key string) time.Time {
	const year9999 = 253402300799999
	n, ok := o.int(key)
	if !ok || n <= 0 || n > year9999 {
		return time.Time{}
	}
	return time.UnixMilli(n).In(chinaTime)
}

var statusWord = regexp.MustCompile(`^[A-Z_]{1,32}$`)

// status reads a task's state; one that is not in our list is passed on.
func (o object) status(key string) Status {
	word := strings.ToUpper(strings.TrimSpace(o.text(key)))
	switch {
	case word == "CANCELLED": // the service's pages have both spellings
		return StatusCanceled
	case !statusWord.MatchString(word):
		return ""
	}
	return Status(word)
}

// taskID reads a task id that is fit to be used; "" = there is none.
func (o object) taskID() string {
	id := o.text("task_id")
	if !taskID.MatchString(id) {
		return ""
	}
	return id
}

const idMax = 100 // code points of a code or request id; real ones are shorter

func (o object) code() string      { return Clip(Clean(o.text("code")), idMax) }
func (o object) message() string   { return Clean(o.text("message")) }
func (o object) requestID() string { return Clip(Clean(o.text("request_id")), idMax) }
