// Package simulator is Alibaba's DashScope image service on your own machine,
// good enough to develop a client against: every endpoint that the Wan
// text-to-image models have, the service's JSON, limits, times and refusals,
// real PNG files behind signed links, and faults on demand.
//
//	sim, err := simulator.New(simulator.Options{Speed: 10})
//	http.ListenAndServe("127.0.0.1:8090", sim) // base URL http://127.0.0.1:8090/api/v1
//	client := &http.Client{Transport: sim}     // or the same in process, without sockets
//
// In process it works inside a testing/synctest bubble: it starts no
// goroutine, waits on timers and contexts only, and tells an httptrace what a
// fresh connection would. The state of a task follows from its record and the
// clock, so virtual time moves it.
//
// # What it is true to
//
// Paths, headers, both request forms, key order and missing fields of the
// answers, error bodies and their HTTP status; a submit pace and a running
// limit per model, 20 queries a second over query, list and cancel together,
// a queue of 500; ids and links that live 24 hours; prompts that are cut
// without a word; times in China's zone; the spellings of the region. Where
// the public pages contradict each other or are silent, this is what it does:
//
//   - several pictures in the messages form are one choice each; [sim:one-choice]
//     gives the other shape;
//   - in that form a picture that failed is left out, and task_metrics counts it;
//   - the limit on queries is shared, the page size of the list held at 100;
//   - start_time and end_time of the list are China time;
//   - a model without a seed gets one from its prompt, so that the same request
//     makes the same picture.
//
// Limits are counted in each process alone; the queue is shared by all that
// share a folder.
//
// # Markers
//
// A marker in a prompt makes that one call go wrong. The picture's caption
// leaves it out.
//
//	[sim:fail]        the task ends FAILED with InternalError.Algo; [sim:fail=CODE] with another
//	                  code
//	[sim:refuse]      the create is refused with 400 DataInspectionFailed; [sim:refuse=CODE] with
//	                  another code and its status
//	[sim:partial]     the last of several pictures fails
//	[sim:slow=60s]    the task runs that long, whatever the speed
//	[sim:queue=30s]   the task stays PENDING that long, whatever the speed
//	[sim:stuck]       the task never ends
//	[sim:delay=40s]   the create is accepted and answered that late, even if its client has left
//	[sim:hang]        the create is accepted and never answered
//	[sim:hang-before] the create is neither accepted nor answered
//	[sim:cut-before]  the connection is reset before the create is accepted; [sim:cut-before=2]
//	                  the first two times
//	[sim:cut-after]   the connection is reset after the create is accepted
//	[sim:truncate]    the create is accepted, its answer ends in the middle
//	[sim:empty]       the create is accepted, its answer is empty
//	[sim:wrong-type]  the create is accepted, its answer has the wrong types
//	[sim:html]        the create is answered by a gateway's HTML page (502) and not accepted
//	[sim:429]         the create is refused with this HTTP status, any of 400 to 599; [sim:429=2]
//	                  the first two times
//	[sim:500-after]   the create is accepted and answered with this HTTP status
//	[sim:one-choice]  messages form: all pictures in one choice instead of one choice each
//	[sim:link=URL]    links in the finished task lead to URL
//	[sim:image=KIND]  every download of the task's pictures meets this image fault: status, html,
//	                  hang, cut_before, cut_after, redirect, truncate, wrong_length, empty,
//	                  wrong_type, endless, gzip_bomb
//
// # Admin endpoints
//
// They need no key: listen on loopback only. Bodies and answers are JSON.
//
//	POST   /admin/faults   a Fault or a list of them: {"op":"create","kind":"cut_after","n":2}
//	GET    /admin/faults   the faults that have not happened yet
//	DELETE /admin/faults   forgets them
//	POST   /admin/expire   {"links":true,"ids":true,"task_id":"..."}: before their day is over;
//	                       without task_id of all tasks; a new query gives new links
//	POST   /admin/excess   {"excess":"queue"} or {"excess":"refuse"}: what happens beyond the
//	                       running limit
//	POST   /admin/lag      {"list_lag_ms":1000}: the task list shows a task that late
//	POST   /admin/foreign  {"n":10000,"model":"...","prompt":"...","images":1,"size":"...",
//	                       "spread_ms":60000}: tasks of another client of the account
//	GET    /admin/log      every request, oldest first; ?after=SEQ for the newer ones
//	GET    /admin/stats    Stats
//
// # Kinds of faults
//
// The op of a fault is create, sync, task, list, cancel or image. Faults
// happen in the order in which they were given, each to the first n requests
// that it matches.
//
//	delay             answered delay_ms late; a create is accepted at the end of it, whether or
//	                  not its client waits
//	status            answered with status, code and message
//	html              answered with an HTML page, status 502 unless told (image: 200)
//	hang              never answered
//	cut_before        connection reset before the request is carried out
//	cut_after         connection reset after it is carried out (image: in the middle of the
//	                  picture)
//	refuse_connection no connection (in process only; over a socket the same as cut_before)
//	redirect          302 to location
//	truncate          half of the answer, as if that were all
//	wrong_length      half of the answer, with the Content-Length of the whole
//	empty             200 with no body
//	wrong_type        200 with JSON of other types (image: an SVG called image/png)
//	lie               task: UNKNOWN; list: the ids of tasks that do not exist
//	private_link      links that lead to location
//	endless           a body without end
//	gzip_bomb         64 MiB in 64 KiB, Content-Encoding: gzip
//
// A create that is cut_after, truncated, emptied or answered with the wrong
// types has been accepted, and would be billed; status, html, hang and
// redirect are refusals unless "after" is true. With a code but no status a
// fault has the status that the service gives this code.
package simulator
