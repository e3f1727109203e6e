package storagetest

import (
	"slices"
	"testing"
	"time"

	"github.com/signalbox-ai/signalbox/server/storage"
)

// list returns the ids of a page.
func list(t *testing.T, store ObjectStore, query storage.ObjectQuery) (ids []string, more bool) {
	t.Helper()
	if query.Kind == 0 {
		query.Kind = storage.ObjectResponse
	}
	if query.Limit == 0 {
		query.Limit = storage.MaxPage
	}
	page, err := store.List(t.Context(), alice, query)
	if err != nil {
		t.Fatalf("List(%+v): %v", query, err)
	}
	for _, o := range page.Objects {
		ids = append(ids, o.Key.ID)
	}
	return ids, page.More
}

func idsOf(numbers ...int) (ids []string) {
	for _, n := range numbers {
		ids = append(ids, key(n).ID)
	}
	return ids
}

func objectPages(t *testing.T, store ObjectStore) {
	for _, n := range []int{3, 1, 4, 0, 2} {
		mustPut(t, store, alice, object(n))
	}
	// The same instant: in the order of their coming.
	for _, n := range []int{6, 5} {
		mustPut(t, store, alice, object(n, func(o *storage.Object) { o.CreateTime = epoch().Add(time.Hour) }))
	}
	mustPut(t, store, "/team/bob", object(9))
	mustPut(t, store, alice, object(8, func(o *storage.Object) { o.Key.Kind = storage.ObjectCompletion }))
	for _, test := range []struct {
		query storage.ObjectQuery
		want  []int
		more  bool
	}{
		{storage.ObjectQuery{}, []int{0, 1, 2, 3, 4, 6, 5}, false},
		{storage.ObjectQuery{Descending: true}, []int{5, 6, 4, 3, 2, 1, 0}, false},
		{storage.ObjectQuery{Limit: 7}, []int{0, 1, 2, 3, 4, 6, 5}, false},
		{storage.ObjectQuery{Limit: 2}, []int{0, 1}, true},
		{storage.ObjectQuery{Limit: 5, After: key(1).ID}, []int{2, 3, 4, 6, 5}, false},
		{storage.ObjectQuery{Limit: 3, After: key(1).ID}, []int{2, 3, 4}, true},
		{storage.ObjectQuery{Limit: 2, After: key(6).ID, Descending: true}, []int{4, 3}, true},
		{storage.ObjectQuery{Limit: 2, After: key(6).ID}, []int{5}, false},
		{storage.ObjectQuery{After: key(0).ID, Descending: true}, nil, false},
	} {
		if got, more := list(t, store, test.query); !slices.Equal(got, idsOf(test.want...)) || more != test.more {
			t.Errorf("List(%+v) = %v, %t, want %v, %t", test.query, got, more, test.want, test.more)
		}
	}
	for _, after := range []string{key(8).ID, key(9).ID, "missing", "\x00"} {
		_, err := store.List(t.Context(), alice, storage.ObjectQuery{Kind: storage.ObjectResponse, Limit: 1, After: after})
		wantErr(t, "List after "+after, err, storage.ErrCursor)
	}
}

func objectFilters(t *testing.T, store ObjectStore) {
	metadata := []map[string]string{
		nil, {"a": "1"}, {"a": "1", "b": "2"}, {"a": "2"}, {"b": "1"}, {"a": "1\n\"b\":\"2"}, {"A": "1"}, {"a%": "_"},
	}
	for n, m := range metadata {
		mustPut(t, store, alice, object(n, func(o *storage.Object) {
			o.Metadata, o.Model = m, []string{"small", "large"}[n%2]
		}))
	}
	for _, test := range []struct {
		query storage.ObjectQuery
		want  []int
	}{
		{storage.ObjectQuery{Model: "large"}, []int{1, 3, 5, 7}},
		{storage.ObjectQuery{Model: "larg"}, nil},
		{storage.ObjectQuery{Metadata: map[string]string{"a": "1"}}, []int{1, 2}},
		{storage.ObjectQuery{Metadata: map[string]string{"a": "1", "b": "2"}}, []int{2}},
		{storage.ObjectQuery{Metadata: map[string]string{"b": "2"}}, []int{2}},
		{storage.ObjectQuery{Metadata: map[string]string{"a": ""}}, nil},
		{storage.ObjectQuery{Metadata: map[string]string{"a": "1\n\"b\":\"2"}}, []int{5}},
		{storage.ObjectQuery{Metadata: map[string]string{"A": "1"}}, []int{6}},
		{storage.ObjectQuery{Metadata: map[string]string{"a_": "_"}}, nil},
		{storage.ObjectQuery{Metadata: map[string]string{"a": "1"}, Model: "large"}, []int{1}},
		{storage.ObjectQuery{Metadata: map[string]string{"a": "1"}, Limit: 1, After: key(0).ID, Descending: false}, []int{1}},
		{storage.ObjectQuery{Model: "large", Limit: 1, After: key(5).ID, Descending: true}, []int{3}},
	} {
		if got, _ := list(t, store, test.query); !slices.Equal(got, idsOf(test.want...)) {
			t.Errorf("List(%+v) = %v, want %v", test.query, got, test.want)
		}
	}
}

func largePages(t *testing.T, store ObjectStore) {
	for n := range 5 {
		mustPut(t, store, alice, object(n, func(o *storage.Object) { o.Body = make([]byte, 12<<20) }))
	}
	var seen []string
	for more := true; more; {
		query := storage.ObjectQuery{}
		if len(seen) > 0 {
			query.After = seen[len(seen)-1]
		}
		var page []string
		if page, more = list(t, store, query); len(page) == 0 || len(page) > 3 {
			t.Fatalf("a page has %d objects of 12 MiB", len(page))
		}
		seen = append(seen, page...)
	}
	if !slices.Equal(seen, idsOf(0, 1, 2, 3, 4)) {
		t.Errorf("the pages have %v", seen)
	}
}
