package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-ai/signalbox/server/storage"
)

// ObjectStore is all that a store of objects can do.
type ObjectStore interface {
	storage.Objects
	storage.ObjectItems
	storage.ObjectEvents
	storage.ObjectRetention
}

// Objects checks an implementation of objects, items and events. open returns an empty
// store with limits, which is closed when the test ends.
func Objects(t *testing.T, open func(*testing.T, storage.ObjectLimits) ObjectStore) {
	t.Helper()
	for _, test := range []struct {
		name   string
		limits storage.ObjectLimits
		run    func(*testing.T, ObjectStore)
	}{
		{"an object comes back as it was", storage.ObjectLimits{}, objectComesBack},
		{"a second Put changes nothing", storage.ObjectLimits{}, putTwice},
		{"an object is created with its items or not at all", storage.ObjectLimits{}, putWithItems},
		{"only its owner reaches an object", storage.ObjectLimits{}, foreignOwners},
		{"a kind is not another", storage.ObjectLimits{}, kinds},
		{"names that cannot be kept are not there", storage.ObjectLimits{}, oddNames},
		{"of two changes one wins", storage.ObjectLimits{}, conflicts},
		{"of many changes one wins", storage.ObjectLimits{}, races},
		{"what is deleted is gone, once", storage.ObjectLimits{}, deletes},
		{"what has expired is gone", storage.ObjectLimits{}, expired},
		{"what has expired is deleted in batches", storage.ObjectLimits{}, expires},
		{"lists are ordered by creation, in pages", storage.ObjectLimits{}, objectPages},
		{"lists are filtered by model and metadata", storage.ObjectLimits{}, objectFilters},
		{"a page does not become too large", storage.ObjectLimits{}, largePages},
		{"items keep their order", storage.ObjectLimits{}, items},
		{"items are appended all or none", storage.ObjectLimits{}, itemsAllOrNone},
		{"items of many writers have one order", storage.ObjectLimits{}, itemsConcurrently},
		{"events are read from a number on", storage.ObjectLimits{}, events},
		{"a body has a largest size", storage.ObjectLimits{ObjectBytes: 100}, largest},
		{"an owner has a largest size", storage.ObjectLimits{OwnerBytes: 10 * (storage.RowBytes + 100)}, ownerFull},
		{"an owner's size is exact", storage.ObjectLimits{OwnerBytes: 20 * storage.RowBytes}, ownerExact},
		{"an ended context ends a change", storage.ObjectLimits{}, objectContext},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, open(t, test.limits))
		})
	}
}

// alice owns most objects of the suite.
const alice = "/team/alice"

// key names response number n.
func key(n int) storage.ObjectKey {
	return storage.ObjectKey{Kind: storage.ObjectResponse, ID: fmt.Sprintf("id-%03d", n)}
}

// object is response number n: a second later than the one before.
func object(n int, change ...func(*storage.Object)) *storage.Object {
	o := &storage.Object{
		Key: key(n), CreateTime: epoch().Add(time.Duration(n) * time.Second), ExpireTime: time.Now().Add(time.Hour).Truncate(0),
		Model: "small", Body: fmt.Appendf(nil, "body %d", n),
	}
	for _, c := range change {
		c(o)
	}
	return o
}

func past() time.Time { return time.Now().Add(-time.Second) }

func mustPut(t *testing.T, store ObjectStore, owner string, o *storage.Object, items ...storage.Item) {
	t.Helper()
	if created, err := store.Put(t.Context(), owner, o, items...); err != nil || !created {
		t.Fatalf("Put(%s) = %t, %v", o.Key.ID, created, err)
	}
}

func wantObject(t *testing.T, store ObjectStore, owner string, want *storage.Object) {
	t.Helper()
	got, err := store.Get(t.Context(), owner, want.Key)
	if err != nil {
		t.Fatalf("Get(%s): %v", want.Key.ID, err)
	}
	if got.Key != want.Key || got.Version != want.Version || !got.CreateTime.Equal(want.CreateTime) || !got.ExpireTime.Equal(want.ExpireTime) ||
		got.ExpireTime.IsZero() != want.ExpireTime.IsZero() || got.Model != want.Model || !maps.Equal(got.Metadata, want.Metadata) || !bytes.Equal(got.Body, want.Body) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// wantErr checks what went wrong, by name.
func wantErr(t *testing.T, doing string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", doing, err, want)
	}
}

// wantGone checks that nobody finds anything of an object.
func wantGone(t *testing.T, store ObjectStore, owner string, k storage.ObjectKey) {
	t.Helper()
	ctx := t.Context()
	_, err := store.Get(ctx, owner, k)
	wantErr(t, "Get", err, storage.ErrNotFound)
	wantErr(t, "Update", store.Update(ctx, owner, &storage.Object{Key: k, Version: 1}), storage.ErrNotFound)
	wantErr(t, "Touch", store.Touch(ctx, owner, k, time.Time{}), storage.ErrNotFound)
	wantErr(t, "Delete", store.Delete(ctx, owner, k), storage.ErrNotFound)
	wantErr(t, "AppendItems", store.AppendItems(ctx, owner, k, []storage.Item{{ID: "new"}}), storage.ErrNotFound)
	_, err = store.ListItems(ctx, owner, k, storage.ItemQuery{Limit: 1})
	wantErr(t, "ListItems", err, storage.ErrNotFound)
	_, err = store.GetItem(ctx, owner, k, "item")
	wantErr(t, "GetItem", err, storage.ErrNotFound)
	wantErr(t, "DeleteItem", store.DeleteItem(ctx, owner, k, "item"), storage.ErrNotFound)
	wantErr(t, "AppendEvents", store.AppendEvents(ctx, owner, k, []storage.Event{{Number: 99}}), storage.ErrNotFound)
	_, err = store.ListEvents(ctx, owner, k, 0, 1)
	wantErr(t, "ListEvents", err, storage.ErrNotFound)
	wantErr(t, "DeleteEvents", store.DeleteEvents(ctx, owner, k, 0), storage.ErrNotFound)
	page, err := store.List(ctx, owner, storage.ObjectQuery{Kind: k.Kind, Limit: storage.MaxPage})
	if err != nil || slices.ContainsFunc(page.Objects, func(o *storage.Object) bool { return o.Key == k }) {
		t.Errorf("List has %s, %v", k.ID, err)
	}
	_, err = store.List(ctx, owner, storage.ObjectQuery{Kind: k.Kind, Limit: 1, After: k.ID})
	wantErr(t, "List after it", err, storage.ErrCursor)
}

func objectComesBack(t *testing.T, store ObjectStore) {
	for n, o := range []*storage.Object{
		object(0),
		object(1, func(o *storage.Object) { o.ExpireTime = time.Time{} }),
		object(2, func(o *storage.Object) { o.Body, o.Model = nil, "" }),
		object(3, func(o *storage.Object) { o.Body = bytes.Repeat([]byte{0, 255, '\n'}, 1<<20) }),
		object(4, func(o *storage.Object) {
			o.Metadata = map[string]string{"a": "1", "": "", "ä\n\x00\"": "\\\",\n\"b\":\"", "b": "<&>"}
		}),
	} {
		mustPut(t, store, alice, o)
		o.Version = 1
		wantObject(t, store, alice, o)
		o.Body, o.Model, o.Metadata, o.ExpireTime = []byte("new"), "large", map[string]string{"n": fmt.Sprint(n)}, time.Now().Add(2*time.Hour).Truncate(0)
		if err := store.Update(t.Context(), alice, o); err != nil || o.Version != 2 {
			t.Fatalf("Update: %v, version %d", err, o.Version)
		}
		wantObject(t, store, alice, o)
	}
}

func putTwice(t *testing.T, store ObjectStore) {
	mustPut(t, store, alice, object(1), storage.Item{ID: "item"})
	again := object(1, func(o *storage.Object) { o.Body = []byte("other") })
	if created, err := store.Put(t.Context(), alice, again, storage.Item{ID: "other"}); err != nil || created {
		t.Errorf("the second Put = %t, %v", created, err)
	}
	got, err := store.Get(t.Context(), alice, key(1))
	if err != nil || string(got.Body) != "body 1" || got.Version != 1 {
		t.Errorf("after it: %+v, %v", got, err)
	}
	wantItems(t, store, key(1), "item")
}

func putWithItems(t *testing.T, store ObjectStore) {
	_, err := store.Put(t.Context(), alice, object(1), storage.Item{ID: "a"}, storage.Item{ID: "b"}, storage.Item{ID: "a"})
	wantErr(t, "Put with one item twice", err, storage.ErrConflict)
	wantGone(t, store, alice, key(1))
	mustPut(t, store, alice, object(1), storage.Item{ID: "a"}, storage.Item{ID: "b"})
	if err := store.AppendItems(t.Context(), alice, key(1), []storage.Item{{ID: "c"}}); err != nil {
		t.Fatal(err)
	}
	wantItems(t, store, key(1), "a", "b", "c")
}

func foreignOwners(t *testing.T, store ObjectStore) {
	mustPut(t, store, alice, object(1), storage.Item{ID: "item"})
	if err := store.AppendEvents(t.Context(), alice, key(1), []storage.Event{{Number: 0}}); err != nil {
		t.Fatal(err)
	}
	for _, owner := range []string{"", "/", "/team", "/team/alice/", "/team/alice/key", "/team/bob", "/TEAM/ALICE"} {
		wantGone(t, store, owner, key(1))
	}
	// Another owner may have the same id, and never meets the first one's.
	theirs := object(1, func(o *storage.Object) { o.Body = []byte("bob's") })
	mustPut(t, store, "/team/bob", theirs)
	if err := store.Delete(t.Context(), "/team/bob", key(1)); err != nil {
		t.Fatal(err)
	}
	mine := object(1)
	got, err := store.Get(t.Context(), alice, key(1))
	if err != nil || !bytes.Equal(got.Body, mine.Body) {
		t.Errorf("got %+v, %v", got, err)
	}
	wantItems(t, store, key(1), "item")
}

func kinds(t *testing.T, store ObjectStore) {
	mustPut(t, store, alice, object(1))
	for _, kind := range []storage.ObjectKind{storage.ObjectCompletion, storage.ObjectConversation} {
		other := storage.ObjectKey{Kind: kind, ID: key(1).ID}
		wantGone(t, store, alice, other)
		mustPut(t, store, alice, object(1, func(o *storage.Object) { o.Key = other }))
	}
}

func oddNames(t *testing.T, store ObjectStore) {
	for _, name := range []string{"", "\x00", "a\x00b", "\xff", strings.Repeat("n", 513)} {
		_, err := store.Put(t.Context(), alice, object(1, func(o *storage.Object) { o.Key.ID = name }))
		wantErr(t, fmt.Sprintf("Put of the id %q", name), err, storage.ErrRejected)
		_, err = store.Put(t.Context(), name, object(1))
		wantErr(t, fmt.Sprintf("Put for the owner %q", name), err, storage.ErrRejected)
		_, err = store.Put(t.Context(), alice, object(1), storage.Item{ID: name})
		wantErr(t, fmt.Sprintf("Put with the item %q", name), err, storage.ErrRejected)
		wantGone(t, store, name, key(1))
		if name != "" { // an empty cursor is none
			wantGone(t, store, alice, storage.ObjectKey{Kind: storage.ObjectResponse, ID: name})
		}
	}
	// Names that begin alike are not alike.
	long := "/" + strings.Repeat("n", 510)
	mustPut(t, store, long+"a", object(1))
	wantGone(t, store, long+"b", key(1))
	wantGone(t, store, long, key(1))
}

func conflicts(t *testing.T, store ObjectStore) {
	mustPut(t, store, alice, object(1))
	cancel, complete := object(1), object(1)
	cancel.Version, complete.Version = 1, 1
	cancel.Body, complete.Body = []byte("cancelled"), []byte("completed")
	if err := store.Update(t.Context(), alice, cancel); err != nil {
		t.Fatal(err)
	}
	wantErr(t, "the second change", store.Update(t.Context(), alice, complete), storage.ErrConflict)
	if complete.Version != 1 {
		t.Errorf("a change that was refused has version %d", complete.Version)
	}
	wantObject(t, store, alice, cancel)
	complete.Version = 2
	if err := store.Update(t.Context(), alice, complete); err != nil {
		t.Errorf("after another look: %v", err)
	}
}

func races(t *testing.T, store ObjectStore) {
	mustPut(t, store, alice, object(1))
	const writers = 8
	var (
		racing sync.WaitGroup
		mu     sync.Mutex
		won    int
	)
	for n := range writers {
		racing.Go(func() {
			o := object(1, func(o *storage.Object) { o.Version, o.Body = 1, fmt.Appendf(nil, "by %d", n) })
			err := store.Update(t.Context(), alice, o)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			} else if !errors.Is(err, storage.ErrConflict) {
				t.Errorf("Update: %v", err)
			}
		})
	}
	racing.Wait()
	if got, err := store.Get(t.Context(), alice, key(1)); err != nil || won != 1 || got.Version != 2 {
		t.Errorf("%d writers won, %+v, %v", won, got, err)
	}
}

func deletes(t *testing.T, store ObjectStore) {
	mustPut(t, store, alice, object(1), storage.Item{ID: "item"})
	mustPut(t, store, alice, object(2), storage.Item{ID: "item"})
	if err := store.AppendEvents(t.Context(), alice, key(1), []storage.Event{{Number: 0}}); err != nil {
		t.Fatal(err)
	}
	if err := store.Delete(t.Context(), alice, key(1)); err != nil {
		t.Fatal(err)
	}
	wantGone(t, store, alice, key(1))
	wantItems(t, store, key(2), "item")
	mustPut(t, store, alice, object(1))
	wantItems(t, store, key(1))
	if list, err := store.ListEvents(t.Context(), alice, key(1), 0, 10); err != nil || len(list) != 0 {
		t.Errorf("the new object has the old one's events: %v, %v", list, err)
	}
}

func expired(t *testing.T, store ObjectStore) {
	mustPut(t, store, alice, object(1, func(o *storage.Object) { o.ExpireTime = past() }), storage.Item{ID: "item"})
	wantGone(t, store, alice, key(1))
	mustPut(t, store, alice, object(1), storage.Item{ID: "other"})
	wantItems(t, store, key(1), "other")

	later := time.Now().Add(2 * time.Hour).Truncate(0)
	if err := store.Touch(t.Context(), alice, key(1), later); err != nil {
		t.Fatal(err)
	}
	wantObject(t, store, alice, object(1, func(o *storage.Object) { o.Version, o.ExpireTime = 1, later }))
	if err := store.Touch(t.Context(), alice, key(1), past()); err != nil {
		t.Fatal(err)
	}
	wantGone(t, store, alice, key(1))
}

func expires(t *testing.T, store ObjectStore) {
	for n := range 7 {
		owner := []string{alice, "/team/bob"}[n%2]
		mustPut(t, store, owner, object(n, func(o *storage.Object) { o.ExpireTime = past() }), storage.Item{ID: "item"})
	}
	mustPut(t, store, alice, object(7), storage.Item{ID: "item"})
	mustPut(t, store, alice, object(8, func(o *storage.Object) { o.ExpireTime = time.Time{} }))
	for _, want := range []int{3, 3, 1, 0} {
		if n, err := store.Expire(t.Context(), time.Now(), 3); err != nil || n != want {
			t.Fatalf("Expire = %d, %v, want %d", n, err, want)
		}
	}
	wantItems(t, store, key(7), "item")
	wantItems(t, store, key(8))
}

func objectContext(t *testing.T, store ObjectStore) {
	mustPut(t, store, alice, object(1))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := store.Put(ctx, alice, object(2))
	wantErr(t, "Put", err, context.Canceled)
	_, err = store.Get(ctx, alice, key(1))
	wantErr(t, "Get", err, context.Canceled)
	wantErr(t, "Delete", store.Delete(ctx, alice, key(1)), context.Canceled)
	wantGone(t, store, alice, key(2))
	if _, err := store.Get(t.Context(), alice, key(1)); err != nil {
		t.Errorf("Get: %v", err)
	}
}
