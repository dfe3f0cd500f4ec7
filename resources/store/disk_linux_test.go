package store_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"wan-image-mcp/resources/store"
)

// TestFullDisk fetches onto a file system of one megabyte, in a process with
// mounts of its own.
func TestFullDisk(t *testing.T) {
	mount := t.TempDir()
	small, big := megabytes(400_000), megabytes(2_000_000)
	base, host := imageHost(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/small.png" {
			_, _ = w.Write(small)
			return
		}
		_, _ = w.Write(big)
	})
	child := childCommand(t, "full disk", map[string]string{
		"STORE_MOUNT": mount, "STORE_DIR": filepath.Join(mount, "pictures"), "STORE_HOST": host, "STORE_LINK": base,
	})
	child.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		child.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		child.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
	}
	output, err := child.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Skipf("this machine lets nobody mount a small disk: %v", err)
	}
	if strings.HasPrefix(string(output), "no mount") {
		t.Skip(string(output))
	}
	if got := string(output); got != "as expected" {
		t.Errorf("the process says %q, %v", got, err)
	}
}

func childFullDisk(out io.Writer) error {
	// The mount must not spread to the machine's other processes.
	err := syscall.Mount("", "/", "", syscall.MS_PRIVATE|syscall.MS_REC, "")
	if err == nil {
		err = syscall.Mount("none", os.Getenv("STORE_MOUNT"), "tmpfs", 0, "size=1m")
	}
	if err != nil {
		_, err = fmt.Fprintf(out, "no mount of a small disk here: %v", err)
		return err
	}
	folder, err := childFolder()
	if err != nil {
		return err
	}
	base := os.Getenv("STORE_LINK")
	small, err := folder.Fetch(context.Background(), base+"/small.png")
	if err != nil {
		return err
	}
	if _, err := folder.Fetch(context.Background(), base+"/big.png"); !errors.Is(err, store.ErrNoSpace) {
		return fmt.Errorf("the full disk gives %w", err)
	}
	if used, err := folder.Used(); used != small.Bytes {
		return fmt.Errorf("%d bytes are left, %w", used, err)
	}
	if _, err := folder.Export(small, filepath.Join(os.Getenv("STORE_MOUNT"), "out"), "a.png"); err != nil {
		return err
	}
	if _, err := folder.Export(small, filepath.Join(os.Getenv("STORE_MOUNT"), "full"), "a.png"); !errors.Is(err, store.ErrNoSpace) {
		return fmt.Errorf("a copy on the full disk gives %w", err)
	}
	if err := folder.Room(0); !errors.Is(err, store.ErrNoSpace) {
		return fmt.Errorf("Room says %w", err)
	}
	if _, err := folder.Bytes(small); err != nil {
		return err
	}
	_, err = fmt.Fprint(out, "as expected")
	return err
}

// TestFullQuota: a disk quota of the user is a full disk too.
func TestFullQuota(t *testing.T) {
	for _, err := range []error{syscall.ENOSPC, syscall.EDQUOT} {
		if !store.IsFull(&os.PathError{Op: "write", Err: err}) {
			t.Errorf("%v is not seen as a full disk", err)
		}
	}
	if store.IsFull(syscall.EIO) {
		t.Error("an I/O error is seen as a full disk")
	}
}

// asNobody runs f with the file rights of an unprivileged user, as root would
// otherwise be let into everything.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		f()
		return
	}
	const nobody = 65534
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if _, _, errno := syscall.RawSyscall(syscall.SYS_SETFSUID, nobody, 0, 0); errno != 0 {
		t.Fatal(errno)
	}
	defer func() { _, _, _ = syscall.RawSyscall(syscall.SYS_SETFSUID, 0, 0, 0) }()
	f()
}

func TestReadOnly(t *testing.T) {
	folder, dir, p := keep(t, store.Options{}, smallPNG(t, 1))
	target := t.TempDir()
	for _, path := range []string{dir, target} {
		if err := os.Chmod(path, 0o555); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Chmod(path, 0o700) })
	}
	if err := os.Chmod(filepath.Join(dir, p.SHA256+".png"), 0o444); err != nil {
		t.Fatal(err)
	}
	asNobody(t, func() {
		if err := folder.Room(0); !errors.Is(err, os.ErrPermission) || errors.Is(err, store.ErrNoSpace) || !strings.Contains(err.Error(), dir) {
			t.Errorf("Room says %v", err)
		}
		if _, err := folder.Bytes(p); err != nil {
			t.Errorf("what is kept cannot be read: %v", err)
		}
		for _, out := range []string{target, filepath.Join(target, "new")} {
			_, err := folder.Export(p, out, "a.png")
			if err == nil || !strings.Contains(err.Error(), "choose another folder") || !strings.Contains(err.Error(), out) {
				t.Errorf("Export says %v", err)
			}
		}
	})
}
