//go:build !unix

package torture_test

import "os"

// Windows has no signals to send to another process: there a life ends by a kill
// or by the end of its input.
var term, stop, cont os.Signal
