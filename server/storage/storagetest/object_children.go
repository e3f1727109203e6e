package storagetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/signalbox-ai/signalbox/server/storage"
)

func wantItems(t *testing.T, store ObjectStore, parent storage.ObjectKey, want ...string) {
	t.Helper()
	page, err := store.ListItems(t.Context(), alice, parent, storage.ItemQuery{Limit: storage.MaxPage})
	if err != nil || page.More {
		t.Fatalf("ListItems: more %t, %v", page.More, err)
	}
	if got := itemIDs(page); !slices.Equal(got, want) {
		t.Errorf("the items are %v, want %v", got, want)
	}
}

func itemIDs(page storage.ItemPage) (ids []string) {
	for _, item := range page.Items {
		ids = append(ids, item.ID)
	}
	return ids
}

func items(t *testing.T, store ObjectStore) {
	mustPut(t, store, alice, object(1))
	mustPut(t, store, alice, object(2), storage.Item{ID: "d", Body: []byte("another's")})
	for _, batch := range [][]string{{"b", "a"}, {"d"}, {"c", "e"}} {
		var add []storage.Item
		for _, id := range batch {
			add = append(add, storage.Item{ID: id, Body: []byte("body of " + id)})
		}
		if err := store.AppendItems(t.Context(), alice, key(1), add); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		query storage.ItemQuery
		want  string
		more  bool
	}{
		{storage.ItemQuery{Limit: 100}, "badce", false},
		{storage.ItemQuery{Limit: 100, Descending: true}, "ecdab", false},
		{storage.ItemQuery{Limit: 2}, "ba", true},
		{storage.ItemQuery{Limit: 2, After: "a"}, "dc", true},
		{storage.ItemQuery{Limit: 1, After: "c"}, "e", false},
		{storage.ItemQuery{Limit: 2, After: "c", Descending: true}, "da", true},
		{storage.ItemQuery{Limit: 2, After: "e"}, "", false},
	} {
		page, err := store.ListItems(t.Context(), alice, key(1), test.query)
		if got := strings.Join(itemIDs(page), ""); err != nil || got != test.want || page.More != test.more {
			t.Errorf("ListItems(%+v) = %s, %t, %v, want %s, %t", test.query, got, page.More, err, test.want, test.more)
		}
	}
	if item, err := store.GetItem(t.Context(), alice, key(1), "d"); err != nil || item.ID != "d" || string(item.Body) != "body of d" {
		t.Errorf("GetItem = %+v, %v", item, err)
	}
	if err := store.DeleteItem(t.Context(), alice, key(1), "d"); err != nil {
		t.Fatal(err)
	}
	wantErr(t, "DeleteItem again", store.DeleteItem(t.Context(), alice, key(1), "d"), storage.ErrNotFound)
	_, err := store.GetItem(t.Context(), alice, key(1), "d")
	wantErr(t, "GetItem", err, storage.ErrNotFound)
	for _, after := range []string{"d", "missing", "\xff"} {
		_, err = store.ListItems(t.Context(), alice, key(1), storage.ItemQuery{Limit: 1, After: after})
		wantErr(t, "ListItems after "+after, err, storage.ErrCursor)
	}
	// A place is not used twice, nor is it needed.
	if err := store.AppendItems(t.Context(), alice, key(1), []storage.Item{{ID: "d"}}); err != nil {
		t.Fatal(err)
	}
	wantItems(t, store, key(1), "b", "a", "c", "e", "d")
	wantItems(t, store, key(2), "d")
}

func itemsAllOrNone(t *testing.T, store ObjectStore) {
	mustPut(t, store, alice, object(1), storage.Item{ID: "a"})
	many := make([]storage.Item, 0, 150)
	for n := range cap(many) {
		many = append(many, storage.Item{ID: fmt.Sprint(n)})
	}
	wantErr(t, "AppendItems with one that is there", store.AppendItems(t.Context(), alice, key(1), append(many, storage.Item{ID: "a"})), storage.ErrConflict)
	wantErr(t, "AppendItems with one twice", store.AppendItems(t.Context(), alice, key(1), append(many, many[0])), storage.ErrConflict)
	wantItems(t, store, key(1), "a")
	if err := store.AppendItems(t.Context(), alice, key(1), many); err != nil {
		t.Fatal(err)
	}
	if err := store.AppendItems(t.Context(), alice, key(1), nil); err != nil {
		t.Errorf("AppendItems of none: %v", err)
	}
	page, err := store.ListItems(t.Context(), alice, key(1), storage.ItemQuery{Limit: storage.MaxPage, After: "99", Descending: false})
	if err != nil || len(page.Items) != 50 || page.Items[0].ID != "100" {
		t.Errorf("ListItems: %d items, %v", len(page.Items), err)
	}
}

func itemsConcurrently(t *testing.T, store ObjectStore) {
	mustPut(t, store, alice, object(1))
	const writers, batches = 4, 5
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for b := range batches {
				add := []storage.Item{{ID: fmt.Sprintf("%d-%d-a", w, b)}, {ID: fmt.Sprintf("%d-%d-b", w, b)}}
				if err := store.AppendItems(t.Context(), alice, key(1), add); err != nil {
					t.Errorf("AppendItems: %v", err)
				}
			}
		})
	}
	writing.Wait()
	page, err := store.ListItems(t.Context(), alice, key(1), storage.ItemQuery{Limit: storage.MaxPage})
	if err != nil || len(page.Items) != writers*batches*2 {
		t.Fatalf("%d items, %v", len(page.Items), err)
	}
	for n := 0; n < len(page.Items); n += 2 { // what came together stands together
		if a, b := page.Items[n].ID, page.Items[n+1].ID; strings.TrimSuffix(a, "-a") != strings.TrimSuffix(b, "-b") {
			t.Errorf("%s stands before %s", a, b)
		}
	}
}

func events(t *testing.T, store ObjectStore) {
	ctx := t.Context()
	mustPut(t, store, alice, object(1), storage.Item{ID: "item"})
	add := func(from, n int) error {
		var batch []storage.Event
		for i := range n {
			batch = append(batch, storage.Event{Number: int64(from + i), Body: fmt.Appendf(nil, "event %d", from+i)})
		}
		return store.AppendEvents(ctx, alice, key(1), batch)
	}
	want := func(from, limit, first, n int) {
		t.Helper()
		list, err := store.ListEvents(ctx, alice, key(1), int64(from), limit)
		if err != nil || len(list) != n {
			t.Errorf("ListEvents(%d, %d): %d events, %v, want %d", from, limit, len(list), err, n)
		}
		for i, event := range list {
			if event.Number != int64(first+i) || string(event.Body) != fmt.Sprintf("event %d", first+i) {
				t.Errorf("event %d is %d, %q", first+i, event.Number, event.Body)
			}
		}
	}
	want(0, 10, 0, 0)
	for _, err := range []error{add(0, 3), add(3, 200)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	want(0, 2, 0, 2)
	want(2, 10, 2, 10)
	want(200, 50, 200, 3)
	want(0, 1000, 0, storage.MaxPage)
	want(203, 10, 0, 0)
	wantErr(t, "events with a number that is taken", add(202, 2), storage.ErrConflict)
	want(203, 10, 0, 0)
	if err := store.DeleteEvents(ctx, alice, key(1), 2); err != nil {
		t.Fatal(err)
	}
	want(0, 10, 0, 2)
	if err := add(2, 1); err != nil {
		t.Errorf("events after some were deleted: %v", err)
	}
	if err := store.DeleteEvents(ctx, alice, key(1), 100); err != nil {
		t.Errorf("DeleteEvents of none: %v", err)
	}
	want(0, 10, 0, 3)
	wantItems(t, store, key(1), "item")
}
