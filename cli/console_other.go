//go:build !windows

package cli

import "os"

// takesColour has a console heed colours; here every terminal does.
func takesColour(*os.File) bool { return true }
