// Package tasks is the paid work, from "asked for" to "pictures kept".
//
// One order is one [Task]. It is in the journal before a byte is sent, its one
// POST is made on behalf of the process and not of the request that asked, and
// a process that starts takes up what another left. A caller holds a [Ticket]
// while it waits; whether it stays, cancels or dies changes nothing about work
// that was paid for.
//
//	service, err := tasks.New(tasks.Config{Client: client, Journal: j, Store: folder, Upstream: "..."})
//	go service.Run(ctx)
//
//	ticket, err := service.Generate(ctx, tasks.Order{Caller: me, Request: request})
//	task, err := ticket.Wait(ctx, 40*time.Second, nil)
//	ticket.Done(true) // the caller has the pictures
//
// The files follow the life of a task: order.go accepts it, submit.go lets it
// through the shared gate and makes the POST, outcome.go notes what that came to
// (throttle.go how long to wait after a no), reconcile.go finds out about a POST
// whose answer was lost (doubt.go says when it tries, candidates.go among which
// tasks of the account), watch.go looks until it has ended (plan.go says when,
// learn.go notes what it hears), keep.go brings the pictures home. lives.go, on
// process.go's lock, is what makes all of that survive this process, and kin.go
// what makes it survive a key that is replaced.
//
// # Money
//
// Only submit.go sends create requests, and it repeats one only when the service
// provably did not accept it: nothing had been sent, or the service said no for
// now. At most [maxPosts] are made for a task over all restarts. Everything else
// makes the task UNKNOWN, which is resolved by reading the service's own task
// list and never by asking again.
package tasks
