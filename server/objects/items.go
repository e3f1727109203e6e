package objects

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/storage"
)

// Page is which part of a list is asked for, as OpenAI's lists have it.
type Page struct {
	// After is the id in the store that the page before ended with. Empty: the first.
	After string
	// Limit is how many. Zero: 20. More than storage.MaxPage is lowered to it.
	Limit int32
	// Descending is last first.
	Descending bool
}

// Order reads a list's `order`. usual is what holds where nothing is said.
func Order(order *string, usual bool) (descending bool, err error) {
	switch {
	case order == nil || *order == "":
		return usual, nil
	case *order == "asc":
		return false, nil
	case *order == "desc":
		return true, nil
	default:
		return false, &failure.Error{Reason: commonv1.ErrorReason_ERROR_REASON_INVALID_FIELD, Message: "`order` must be \"asc\" or \"desc\".", Param: "order"}
	}
}

const usualPage = 20

func (p Page) limit() int {
	if p.Limit == 0 {
		return usualPage
	}
	return min(int(p.Limit), storage.MaxPage)
}

// kept is a page of items, with the ids by which the store has the first and the last:
// an item of a type that this version does not know has no other.
type kept struct {
	items       []*responsesv1.Item
	first, last *string
	more        bool
	bytes       int // of the items, as the store has them
}

// items is a page of the items of an object.
func (k *Keeper) items(ctx context.Context, owner string, parent storage.ObjectKey, page Page) (kept, error) {
	found, err := k.params.Store.ListItems(ctx, owner, parent, storage.ItemQuery{After: page.After, Limit: page.limit(), Descending: page.Descending})
	if err != nil {
		return kept{}, fail(err)
	}
	list := kept{more: found.More}
	list.first, list.last = ends(found.Items)
	for i := range found.Items {
		item, err := decodeItem(&found.Items[i])
		if err != nil {
			return kept{}, err
		}
		list.items = append(list.items, item)
		list.bytes += len(found.Items[i].Body)
	}
	return list, nil
}

// memory is how many bytes of what is kept a request may still bring into memory.
type memory int

// maxMemory is what one request may go on from, in bytes. No provider takes as much.
const maxMemory = memory(128 << 20)

// take refuses what is too much.
func (m *memory) take(bytes int) error {
	if *m -= memory(bytes); *m < 0 {
		return failure.New(commonv1.ErrorReason_ERROR_REASON_REQUEST_TOO_LARGE, "The request goes on from more than the gateway sends at once.")
	}
	return nil
}

// allItems are all items of an object, in order.
func (k *Keeper) allItems(ctx context.Context, owner string, parent storage.ObjectKey, left *memory) ([]*responsesv1.Item, error) {
	var all []*responsesv1.Item
	page := Page{Limit: storage.MaxPage}
	for {
		list, err := k.items(ctx, owner, parent, page)
		if err != nil {
			return nil, err
		}
		if err := left.take(list.bytes); err != nil {
			return nil, err
		}
		all = append(all, list.items...)
		if !list.more || list.last == nil {
			return all, nil
		}
		page.After = *list.last
	}
}

// itemID is the id of an item. One that has none gets one.
func itemID(item *responsesv1.Item) string {
	found, first := "", true
	eachID(item, func(id *string) *string {
		if !first {
			return id // what it refers to
		}
		first = false
		if id == nil || *id == "" {
			made := newID(itemPrefix(item))
			id = &made
		}
		found = *id
		return id
	})
	if found == "" { // of a kind that this version does not know
		found = newID(KindItem)
	}
	return found
}

// forgetID takes an item's own id away.
func forgetID(item *responsesv1.Item) {
	first := true
	eachID(item, func(id *string) *string {
		if first {
			first = false
			return nil
		}
		return id
	})
}

// itemPrefix is how ids of an item's kind begin.
func itemPrefix(item *responsesv1.Item) Kind {
	switch item.GetItem().(type) {
	case *responsesv1.Item_Message:
		return "msg_"
	case *responsesv1.Item_FunctionCall:
		return "fc_"
	case *responsesv1.Item_CustomToolCall:
		return "ctc_"
	case *responsesv1.Item_ToolOutput:
		return "fco_"
	case *responsesv1.Item_Reasoning:
		return "rs_"
	case *responsesv1.Item_Mcp:
		return "mcp_"
	case *responsesv1.Item_Compaction:
		return "cmp_"
	default:
		return KindItem
	}
}

// ends are the ids of the first and the last of a page.
func ends(items []storage.Item) (first, last *string) {
	if len(items) == 0 {
		return nil, nil
	}
	return &items[0].ID, &items[len(items)-1].ID
}

// clone is an item that may be changed.
func clone(item *responsesv1.Item) *responsesv1.Item { return proto.CloneOf(item) }

func unreadable(err error) error { return fmt.Errorf("read a stored object: %w", err) }

// named gives a failure the field that it is about.
func named(err error, param string) error {
	failed := failure.As(err)
	if failed == nil || failed.Param != "" {
		return err
	}
	about := *failed
	about.Param = param
	return &about
}
