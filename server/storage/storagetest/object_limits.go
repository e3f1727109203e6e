package storagetest

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-ai/signalbox/server/storage"
)

func largest(t *testing.T, store ObjectStore) {
	ctx, fits, tooLarge := t.Context(), make([]byte, 100), make([]byte, 101)
	_, err := store.Put(ctx, alice, object(1, func(o *storage.Object) { o.Body = tooLarge }))
	wantErr(t, "Put", err, storage.ErrTooLarge)
	_, err = store.Put(ctx, alice, object(1), storage.Item{ID: "a", Body: tooLarge})
	wantErr(t, "Put with an item", err, storage.ErrTooLarge)
	wantGone(t, store, alice, key(1))
	mustPut(t, store, alice, object(1, func(o *storage.Object) { o.Body = fits }), storage.Item{ID: "a", Body: fits})
	wantErr(t, "Update", store.Update(ctx, alice, object(1, func(o *storage.Object) { o.Body, o.Version = tooLarge, 1 })), storage.ErrTooLarge)
	wantErr(t, "AppendItems", store.AppendItems(ctx, alice, key(1), []storage.Item{{ID: "b", Body: fits}, {ID: "c", Body: tooLarge}}), storage.ErrTooLarge)
	wantErr(t, "AppendEvents", store.AppendEvents(ctx, alice, key(1), []storage.Event{{Number: 0, Body: fits}, {Number: 1, Body: tooLarge}}), storage.ErrTooLarge)
	wantItems(t, store, key(1), "a")
}

// ownerFull fills an owner from several sides at once: not one byte too many is taken.
func ownerFull(t *testing.T, store ObjectStore) {
	body := make([]byte, 100)
	var (
		filling sync.WaitGroup
		mu      sync.Mutex
		taken   int
	)
	for n := range 20 {
		filling.Go(func() {
			_, err := store.Put(t.Context(), alice, object(n, func(o *storage.Object) { o.Body = body }))
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				taken++
			} else if !errors.Is(err, storage.ErrOwnerFull) {
				t.Errorf("Put: %v", err)
			}
		})
	}
	filling.Wait()
	if ids, _ := list(t, store, storage.ObjectQuery{}); taken != 10 || len(ids) != 10 {
		t.Errorf("%d objects were taken, %d are there, want 10", taken, len(ids))
	}
	mustPut(t, store, "/team/bob", object(1))
}

// ownerExact takes all the room and gives it back, in every way that there is.
func ownerExact(t *testing.T, store ObjectStore) {
	ctx := t.Context()
	full := func(doing string) {
		t.Helper()
		_, err := store.Put(ctx, alice, object(99, func(o *storage.Object) { o.Body = nil }))
		wantErr(t, "Put after "+doing, err, storage.ErrOwnerFull)
	}
	done := func(doing string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", doing, err)
		}
	}
	empty := func(n int) *storage.Object {
		return object(n, func(o *storage.Object) { o.Body = nil })
	}
	row := make([]byte, storage.RowBytes) // with it, a row counts as two
	mustPut(t, store, alice, empty(1), storage.Item{ID: "a"}, storage.Item{ID: "b", Body: row})
	done("AppendItems", store.AppendItems(ctx, alice, key(1), []storage.Item{{ID: "c"}, {ID: "d", Body: row}}))
	done("AppendEvents", store.AppendEvents(ctx, alice, key(1), []storage.Event{{Number: 0}, {Number: 1, Body: row}}))
	mustPut(t, store, alice, object(2, func(o *storage.Object) { o.Body, o.ExpireTime = row, past() }))
	done("Update", store.Update(ctx, alice, object(1, func(o *storage.Object) { o.Body, o.Version = make([]byte, 8*storage.RowBytes), 1 })))
	full("20 rows")
	wantErr(t, "Update", store.Update(ctx, alice, object(1, func(o *storage.Object) { o.Body, o.Version = make([]byte, 9*storage.RowBytes), 2 })), storage.ErrOwnerFull)
	wantErr(t, "AppendItems", store.AppendItems(ctx, alice, key(1), []storage.Item{{ID: "e"}}), storage.ErrOwnerFull)
	wantErr(t, "AppendEvents", store.AppendEvents(ctx, alice, key(1), []storage.Event{{Number: 2}}), storage.ErrOwnerFull)

	done("DeleteItem", store.DeleteItem(ctx, alice, key(1), "b")) // two rows
	mustPut(t, store, alice, empty(3))
	mustPut(t, store, alice, empty(4))
	full("an item was deleted")
	done("DeleteEvents", store.DeleteEvents(ctx, alice, key(1), 1)) // two rows
	mustPut(t, store, alice, empty(5), storage.Item{ID: "a"})
	full("events were deleted")
	if n, err := store.Expire(ctx, time.Now(), 10); err != nil || n != 1 { // two rows
		t.Fatalf("Expire = %d, %v", n, err)
	}
	mustPut(t, store, alice, empty(6), storage.Item{ID: "a"})
	full("an object expired")
	done("Update", store.Update(ctx, alice, object(1, func(o *storage.Object) { o.Body, o.Version = nil, 2 }))) // eight rows
	mustPut(t, store, alice, object(7, func(o *storage.Object) { o.Body = make([]byte, 7*storage.RowBytes) }))
	full("an object shrank")
	for _, n := range []int{1, 3, 4, 5, 6, 7} {
		done("Delete", store.Delete(ctx, alice, key(n)))
	}
	mustPut(t, store, alice, object(8, func(o *storage.Object) { o.Body = make([]byte, 19*storage.RowBytes) }))
	full("all was deleted")
}
