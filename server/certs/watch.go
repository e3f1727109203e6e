package certs

import (
	"context"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// pollEvery is how often the files are read without being told to: file systems
	// of networks and of some containers tell nothing.
	pollEvery = 10 * time.Second
	// settle is how long a change is left alone: certificate and key are two files.
	settle = 100 * time.Millisecond
	// rotateEvery is how long a key of session tickets makes new ones.
	rotateEvery = 24 * time.Hour
)

// Run follows the files until ctx ends, and returns nil then. Call it once.
func (f *Files) Run(ctx context.Context) error {
	var events chan fsnotify.Event
	var errs chan error
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		f.params.Log.WarnContext(ctx, "certificate files cannot be watched, they are read each 10 seconds", "error", err)
	} else {
		defer watcher.Close()
		events, errs = watcher.Events, watcher.Errors
	}
	f.watch(watcher)
	f.reload(ctx) // what changed since they were loaded
	poll, rotate := time.NewTicker(f.poll), time.NewTicker(rotateEvery)
	defer poll.Stop()
	defer rotate.Stop()
	var settled <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-events:
			if settled == nil {
				settled = time.After(settle)
			}
		case err := <-errs:
			// Events may be lost; the poll makes up for them.
			f.params.Log.DebugContext(ctx, "certificate files: the watch failed", "error", err)
		case <-settled:
			settled = nil
			f.reload(ctx)
		case <-poll.C:
			f.watch(watcher)
			f.reload(ctx)
		case <-rotate.C:
			f.rotate()
		}
	}
}

// watch asks for events of the folders that the files are in. Folders, not files:
// a file that is replaced, or a link that is turned, is a new file. A folder that
// is not there is asked for again with the next poll.
func (f *Files) watch(watcher *fsnotify.Watcher) {
	if watcher == nil {
		return
	}
	cfg := f.params.Config
	for _, file := range []string{cfg.GetCertFile(), cfg.GetKeyFile(), cfg.GetClientCaFile()} {
		if file != "" {
			_ = watcher.Add(filepath.Dir(file)) // what cannot be watched is polled
		}
	}
}
