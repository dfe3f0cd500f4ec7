package cli

import (
	"os"

	"golang.org/x/sys/windows"
)

// takesColour has a console heed colours. Older ones show them as garbage until
// they are told to.
func takesColour(console *os.File) bool {
	handle := windows.Handle(console.Fd())
	var mode uint32
	if err := windows.GetConsoleMode(handle, &mode); err != nil {
		return false
	}
	return windows.SetConsoleMode(handle, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
}
