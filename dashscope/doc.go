/*
Package dashscope is a client of Alibaba's DashScope image service (also called
Model Studio, Bailian and Qwen Cloud) for the seven Wan text-to-image models. It
knows the service and nothing else: it keeps no state on disk, fetches no pictures
and repeats no request.

	client := &dashscope.Client{APIKey: dashscope.Secret(key)}
	task, err := client.Create(ctx, dashscope.ImageRequest{Prompt: "a flower shop", N: 1})
	...
	result, err := client.Task(ctx, task.TaskID) // until result.Status.Terminal()

# The service

A create request starts a task and answers at once with its id. The task is
PENDING, then RUNNING, then SUCCEEDED, FAILED or CANCELED; that takes from ten
seconds to a few minutes. [Client.Task] asks for it, and a SUCCEEDED one has a signed
link to each picture, a PNG. Task ids and links live for 24 hours, then the task
is UNKNOWN and the pictures are gone.

wan2.6-t2i takes its prompt as messages, the six older models as a string, each on
a path of its own ([Form]); the client picks both. wan2.6-t2i can also be asked
synchronously with [Client.CreateSync]. Such an answer has no task id, so a lost
answer is a lost picture.

There are four regions with keys, prices and pace of their own ([Region], [Offer]).
A key is valid in one of them only, and elsewhere the service calls it wrong.

# What is sent

Every parameter, always. A request without n makes four pictures and bills four,
a prompt over the limit is silently cut, so [ImageRequest.Validate] refuses
both before anything is sent. [Models] has all limits. A model may have two
spellings (wan2.1-t2i-plus, wanx2.1-t2i-plus); callers see the first, and the client
sends the one that the region knows.

# What an error means for your money

The service bills pictures that were made. It has no idempotency key, so the same
create sent twice is two tasks and two bills. [Client.Create] therefore makes one
POST at most, on a fresh connection, and its error is one of three:

  - [ErrNotSent]: not a byte left. Sending it again is safe.
  - [ErrRefused]: the service said no. Nothing was made. If it is [ErrThrottled]
    too, the same request is welcome later; otherwise it has to change.
  - [ErrMayBeAccepted]: the answer was lost, cut off or makes no sense. There may be
    a task that will be billed. Do not send it again: look for it with
    [Client.Tasks], which shows the account's tasks of the last 24 hours.

Refused is only what the service says in its own JSON with a status or code that
is known to mean it. A gateway's HTML page, any 5xx, a timeout and a cancelled
context are the third kind. [Error] has the details: the service's code, text and
request id, and in its own text what to do next.

# Limits

The client spreads creates over the pace that the service publishes per model and
region, and all other requests over 20 per second. Both count per account, whatever
the key, so use one Client per account. Beyond a number of running tasks
([Offer].Running) the service queues.
*/
package dashscope
