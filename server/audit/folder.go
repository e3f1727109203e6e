package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/google/uuid"
)

// Each process has a folder of its own in the spool folder, named by a UUIDv7, and
// holds a lock on it as long as it lives. So two processes may share a data folder
// (one that starts while another one drains), neither touches the other's records,
// and the folder of a process that died shows itself by its free lock.
const (
	lockName      = "lock"
	segmentSuffix = ".seg"
)

// folder is the folder of one process, locked by this one.
type folder struct {
	// name names the process that wrote it.
	name string
	path string
	lock *os.File
}

// errLocked says that a folder belongs to a living process.
var errLocked = errors.New("the folder belongs to a living process")

// newFolder makes a folder for this process. It is locked before others can see it.
func newFolder(dir string) (*folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the spool folder: %w", err)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("name the spool: %w", err)
	}
	name := id.String()
	hidden := filepath.Join(dir, "."+name)
	if err := os.Mkdir(hidden, 0o700); err != nil {
		return nil, fmt.Errorf("make the spool: %w", err)
	}
	lock, err := lockFolder(hidden, os.O_CREATE|os.O_RDWR)
	if err != nil {
		return nil, fmt.Errorf("lock the spool: %w", err)
	}
	path := filepath.Join(dir, name)
	if err := os.Rename(hidden, path); err != nil {
		return nil, errors.Join(fmt.Errorf("make the spool: %w", err), lock.Close())
	}
	return &folder{name: name, path: path, lock: lock}, nil
}

func lockFolder(path string, flags int) (*os.File, error) {
	lock, err := os.OpenFile(filepath.Join(path, lockName), flags, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = errLocked
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

// abandoned locks and returns the folders of processes that are dead, oldest first.
func abandoned(dir string) ([]*folder, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("look for abandoned spools: %w", err)
	}
	var (
		folders []*folder
		errs    []error
	)
	for _, entry := range entries {
		if !entry.IsDir() || strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		path := filepath.Join(dir, entry.Name())
		lock, err := lockFolder(path, os.O_RDWR)
		switch {
		case err == nil:
			folders = append(folders, &folder{name: entry.Name(), path: path, lock: lock})
		case errors.Is(err, errLocked):
		case errors.Is(err, fs.ErrNotExist):
			// Another process is just removing it, or died while it did.
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTEMPTY) {
				errs = append(errs, err)
			}
		default:
			errs = append(errs, err)
		}
	}
	return folders, errors.Join(errs...)
}

// segments are the folder's segment files, oldest first, and their size together.
func (f *folder) segments() (paths []string, size int64, err error) {
	entries, err := os.ReadDir(f.path)
	if err != nil {
		return nil, 0, fmt.Errorf("list the spool: %w", err)
	}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), segmentSuffix) {
			continue
		}
		info, err := entry.Info()
		if err != nil {
			return nil, 0, fmt.Errorf("list the spool: %w", err)
		}
		paths = append(paths, filepath.Join(f.path, entry.Name()))
		size += info.Size()
	}
	slices.Sort(paths)
	return paths, size, nil
}

// remove deletes the folder, which has no segments any more, and gives up its lock.
func (f *folder) remove() error {
	return errors.Join(os.Remove(filepath.Join(f.path, lockName)), os.Remove(f.path), f.lock.Close())
}

// release gives up the lock and leaves the folder to the next process.
func (f *folder) release() error { return f.lock.Close() }
