//go:build services

package sqldb_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/signalbox-ai/signalbox/server/servertest/postgres"
	"github.com/signalbox-ai/signalbox/server/storage"
	"github.com/signalbox-ai/signalbox/server/storage/sqldb"
)

// A disk that runs full makes errors that are no answer about an object. What was
// taken stays whole, and the store works again when there is room.
func TestObjectsOnAFullDisk(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*testing.T) (db *sqldb.DB, fill, free func()){
		"SQLite": func(t *testing.T) (*sqldb.DB, func(), func()) {
			t.Helper()
			dir := t.TempDir()
			if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=16777216"); err != nil {
				t.Fatalf("mount a small disk (needs root): %v", err)
			}
			t.Cleanup(func() {
				if err := syscall.Unmount(dir, 0); err != nil {
					t.Errorf("unmount: %v", err)
				}
			})
			ballast := filepath.Join(dir, "ballast")
			return open(t, dir), func() {
					if err := os.WriteFile(ballast, make([]byte, 12<<20), 0o600); err != nil {
						t.Fatal(err)
					}
				}, func() {
					if err := os.Remove(ballast); err != nil {
						t.Fatal(err)
					}
				}
		},
		"PostgreSQL": func(t *testing.T) (*sqldb.DB, func(), func()) {
			t.Helper()
			cluster := postgres.Start(t, postgres.Options{DiskBytes: 160 << 20})
			return openURL(t, cluster.Database()), cluster.Fill, cluster.Free
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, fill, free := open(t)
			objects := db.Objects(storage.ObjectLimits{})
			body := bytes.Repeat([]byte("no compression "), 1<<14)
			put := func(n int) error {
				key := storage.ObjectKey{Kind: storage.ObjectResponse, ID: fmt.Sprint(n)}
				_, err := objects.Put(t.Context(), "/", &storage.Object{Key: key, Body: body}, storage.Item{ID: "item", Body: body})
				return err
			}
			if err := put(0); err != nil {
				t.Fatal(err)
			}
			fill()
			taken := 1
			for ; ; taken++ {
				err := put(taken)
				if err == nil && taken < 1000 {
					continue
				}
				for _, answer := range []error{nil, storage.ErrNotFound, storage.ErrRejected, storage.ErrTooLarge, storage.ErrOwnerFull, storage.ErrConflict} {
					if errors.Is(err, answer) {
						t.Fatalf("on a full disk: %v", err)
					}
				}
				break
			}
			free()
			if err := put(1000); err != nil {
				t.Errorf("with room again: %v", err)
			}
			page, err := objects.List(t.Context(), "/", storage.ObjectQuery{Kind: storage.ObjectResponse, Limit: storage.MaxPage})
			if err != nil || len(page.Objects) != taken+1 {
				t.Errorf("%d objects are there, %v, and %d were taken", len(page.Objects), err, taken+1)
			}
			for _, object := range page.Objects {
				item, err := objects.GetItem(t.Context(), "/", object.Key, "item")
				if err != nil || !bytes.Equal(item.Body, body) || !bytes.Equal(object.Body, body) {
					t.Errorf("object %s is not whole: %v", object.Key.ID, err)
				}
			}
		})
	}
}
