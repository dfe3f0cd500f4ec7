package tasks

import (
	"time"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/tasks/journal"
)

const (
	// linkLife is how long the service keeps tasks and pictures after their end.
	linkLife = 24 * time.Hour
	// forgottenAfter and forgottenReads say when "no such task" is believed of a
	// task that is younger than that: right after the create it may mean a delay.
	forgottenAfter = 2 * time.Minute
	forgottenReads = 5
	// lackingReads is how often a success without its pictures is asked about.
	lackingReads = 5
)

// learn notes an answer of the service about the task. What has ended stays so.
func learn(t *journal.Task, result *dashscope.Result, now time.Time) {
	if State(t.State).Terminal() {
		return
	}
	t.Looked = now
	reads := t.Reads
	t.Reads = 0
	switch result.Status {
	case dashscope.StatusRunning:
		t.State = string(Running)
	case dashscope.StatusSucceeded:
		if t.UpstreamID != "" && lacks(t, result) && reads+1 < lackingReads {
			t.State, t.Reads = string(Running), reads+1 // its pictures are paid for
			return
		}
		succeed(t, result, now)
	case dashscope.StatusFailed:
		t.Code = result.Code
		ended(t, result)
		end(t, Failed, now, result.Err().Error())
	case dashscope.StatusCanceled:
		ended(t, result)
		end(t, Canceled, now, "It was canceled before it ran; nothing is billed.")
	case dashscope.StatusUnknown:
		t.Reads = reads
		forgotten(t, now)
	default:
		t.State = string(Pending)
	}
}

// lacks reports whether a success brings fewer pictures than it bills, or nothing at
// all. That may be trouble on the way, and the next answer may have them.
func lacks(t *journal.Task, result *dashscope.Result) bool {
	came, told := 0, false
	for _, image := range result.Images {
		if image.URL != "" {
			came++
		}
		told = told || image.Code != ""
	}
	billed := result.ImageCount
	if t.N > 0 {
		billed = min(billed, t.N)
	}
	return came < billed || came == 0 && !told
}

func ended(t *journal.Task, result *dashscope.Result) {
	t.Ended = result.EndTime
	began := result.ScheduledTime
	if began.IsZero() {
		began = result.SubmitTime
	}
	if !began.IsZero() && result.EndTime.After(began) {
		t.Served = result.EndTime.Sub(began)
	}
}

// succeed notes the pictures: those that came and those that did not.
func succeed(t *journal.Task, result *dashscope.Result, now time.Time) {
	ended(t, result)
	if t.Ended.IsZero() {
		t.Ended = now
	}
	came := 0
	for i, image := range result.Images {
		p := journal.Picture{
			N: i + 1, Link: image.URL.Reveal(),
			ActualPrompt: image.ActualPrompt, Code: image.Code, Reason: dashscope.Clean(image.Message),
		}
		if p.Link != "" {
			came++
			p.LinkExpires = t.Ended.Add(linkLife)
		} else if p.Reason == "" {
			p.Reason = "the service gave no picture and no reason"
		}
		t.Pictures = append(t.Pictures, p)
	}
	for n := len(result.Images) + 1; n <= t.N; n++ { // wan2.6 leaves out what failed
		t.Pictures = append(t.Pictures, journal.Picture{N: n, Reason: "the service did not make it and gave no reason"})
	}
	t.State, t.Reason, t.Open = string(Succeeded), "", came > 0
	t.Billed = came
	if result.ImageCount >= 0 {
		t.Billed = result.ImageCount
	}
	if !t.Foreign { // what was bought elsewhere is not this program's spending
		t.Counted = t.Billed
	}
}

// forgotten notes that the service does not know the task (any more).
func forgotten(t *journal.Task, now time.Time) {
	t.Reads++
	if age := now.Sub(t.Accepted); age < linkLife-time.Hour && (age < forgottenAfter || t.Reads < forgottenReads) {
		return
	}
	counted := t.Counted
	end(t, Expired, now, "The service no longer knows the task: it keeps tasks and pictures for 24 hours. Pictures that were fetched in time are kept.")
	t.Counted = counted // it may have been billed
}
