package cli

import "golang.org/x/sys/windows"

// knownPictures asks Windows, because OneDrive moves the folder.
func knownPictures() string {
	dir, err := windows.KnownFolderPath(windows.FOLDERID_Pictures, windows.KF_FLAG_DEFAULT)
	if err != nil {
		return ""
	}
	return dir
}
