package storage

import (
	"context"
	"errors"
	"time"
)

// What can go wrong with objects, beside ErrNotFound and ErrRejected. Any other error
// is the store's own fault, and may pass.
var (
	// ErrConflict says that an object was changed by somebody else, or that an id or
	// a number is taken. Nothing was written.
	ErrConflict = errors.New("changed or there already")
	// ErrCursor says that a page shall begin after something that is not there.
	ErrCursor = errors.New("the place that the page begins after is not there")
	// ErrTooLarge says that a body is larger than ObjectLimits allows.
	ErrTooLarge = errors.New("larger than objects may be")
	// ErrOwnerFull says that an owner has no room left under ObjectLimits.
	ErrOwnerFull = errors.New("the owner has no room left")
)

// ObjectLimits bounds what objects take. Zero members do not bound.
type ObjectLimits struct {
	// ObjectBytes is the largest body of an object, item or event.
	ObjectBytes int64
	// OwnerBytes is how much one owner has at most: all bodies and metadata, and
	// RowBytes for each object, item and event. What has expired counts until it is
	// deleted.
	OwnerBytes int64
}

// RowBytes is what an object, item or event counts beside its body.
const RowBytes = 128

// MaxPage is the most that a page of a list has.
const MaxPage = 100

// Objects keeps what callers stored: bodies that it does not look into. Safe for
// concurrent use. Every method is bounded in time by the implementation, whatever the
// context says.
//
// An owner sees its own objects alone, not those of owners below it. Whether an object
// belongs to another owner, has expired or never was there makes no difference: it is
// ErrNotFound.
type Objects interface {
	// Put creates an object with its first items, all or nothing, and says whether it
	// did: one that is there already is left alone. ErrConflict: two items have the
	// same id. ErrTooLarge, ErrOwnerFull; ErrRejected for ids and owners that no
	// database could keep.
	Put(ctx context.Context, owner string, object *Object, items ...Item) (created bool, err error)
	// Get returns an object, or ErrNotFound.
	Get(ctx context.Context, owner string, key ObjectKey) (*Object, error)
	// Update replaces what is kept under object.Key, all but its creation time,
	// provided that its version is still object.Version, which becomes the new one.
	// ErrConflict: somebody was faster. ErrNotFound, ErrTooLarge, ErrOwnerFull.
	Update(ctx context.Context, owner string, object *Object) error
	// Touch sets when an object expires; the zero time is never. Its version stays.
	Touch(ctx context.Context, owner string, key ObjectKey, expire time.Time) error
	// Delete deletes an object with its items and events. ErrNotFound the second
	// time.
	Delete(ctx context.Context, owner string, key ObjectKey) error
	// List returns a page of objects, by their creation. ErrCursor.
	List(ctx context.Context, owner string, query ObjectQuery) (ObjectPage, error)
}

// ObjectItems keeps the items of a conversation, or of a response's input. It is as
// Objects is; an item lives as long as its parent.
type ObjectItems interface {
	// AppendItems adds items after those that are there, in order, all or none.
	// ErrNotFound: there is no such parent. ErrConflict: it has an item with one of
	// the ids. ErrTooLarge, ErrOwnerFull.
	AppendItems(ctx context.Context, owner string, parent ObjectKey, items []Item) error
	// ListItems returns a page of items, by their places. ErrNotFound, ErrCursor.
	ListItems(ctx context.Context, owner string, parent ObjectKey, query ItemQuery) (ItemPage, error)
	// GetItem returns an item, or ErrNotFound.
	GetItem(ctx context.Context, owner string, parent ObjectKey, id string) (*Item, error)
	// DeleteItem deletes an item. ErrNotFound the second time.
	DeleteItem(ctx context.Context, owner string, parent ObjectKey, id string) error
}

// ObjectEvents keeps the events of a response. It is as Objects is; an event lives as
// long as its parent.
type ObjectEvents interface {
	// AppendEvents adds events, all or none. ErrNotFound: there is no such parent.
	// ErrConflict: it has an event with one of the numbers. ErrTooLarge,
	// ErrOwnerFull.
	AppendEvents(ctx context.Context, owner string, parent ObjectKey, events []Event) error
	// ListEvents returns events by their numbers, from a number on, at most limit of
	// them and MaxPage. ErrNotFound: there is no such parent.
	ListEvents(ctx context.Context, owner string, parent ObjectKey, from int64, limit int) ([]Event, error)
	// DeleteEvents deletes the events from a number on, for work that begins anew.
	DeleteEvents(ctx context.Context, owner string, parent ObjectKey, from int64) error
}

// ObjectRetention deletes what has expired.
type ObjectRetention interface {
	// Expire deletes up to limit objects that expired before a time, with their items
	// and events, and says how many.
	Expire(ctx context.Context, before time.Time, limit int) (int, error)
}

// ObjectKind is what an object is.
type ObjectKind int

// The kinds of objects. Their numbers are kept.
const (
	ObjectResponse     ObjectKind = 1
	ObjectCompletion   ObjectKind = 2
	ObjectConversation ObjectKind = 3
)

// ObjectKey names an object of an owner.
type ObjectKey struct {
	// Kind is what it is.
	Kind ObjectKind
	// ID is its id in the store, unique for its owner and kind: not the sealed one,
	// which changes with the key.
	ID string
}

// Object is what is kept of an object.
type Object struct {
	// Key names it.
	Key ObjectKey
	// Version counts its changes, from 1. Put ignores it.
	Version int64
	// CreateTime is its place in lists.
	CreateTime time.Time
	// ExpireTime is when it is there no longer. Zero: never.
	ExpireTime time.Time
	// Model is what lists are filtered by; its first 512 bytes are seen.
	Model string
	// Metadata is what lists are filtered by.
	Metadata map[string]string
	// Body is the object.
	Body []byte
}

// Item is a part of a conversation, or of a response's input.
type Item struct {
	// ID is unique within its parent.
	ID string
	// Body is the item.
	Body []byte
}

// Event is what a response's stream had at a place.
type Event struct {
	// Number is its place, from 0.
	Number int64
	// Body is the event.
	Body []byte
}

// ObjectQuery says which objects are meant. Zero members do not restrict.
type ObjectQuery struct {
	// Kind is the kind. Required.
	Kind ObjectKind
	// Model is their model.
	Model string
	// Metadata is what their metadata has at least.
	Metadata map[string]string
	// After is the id that the page before ended with. Empty: the first page.
	After string
	// Limit is how many a page has, from 1 to MaxPage.
	Limit int
	// Descending is newest first.
	Descending bool
}

// ObjectPage is a page of objects.
type ObjectPage struct {
	// Objects are the objects, in order. There are fewer than the limit, with More,
	// where they would be too large together.
	Objects []*Object
	// More says that another page follows.
	More bool
}

// ItemQuery says which items are meant.
type ItemQuery struct {
	// After is the id that the page before ended with. Empty: the first page.
	After string
	// Limit is how many a page has, from 1 to MaxPage.
	Limit int
	// Descending is last first.
	Descending bool
}

// ItemPage is a page of items, as ObjectPage is of objects.
type ItemPage struct {
	// Items are the items, in order.
	Items []Item
	// More says that another page follows.
	More bool
}

// Secrets keeps what the gateway made for itself, once for all its replicas.
type Secrets interface {
	// Secret returns the secret of a name. Where there is none, it becomes fresh; of
	// several who ask at once, all get the same.
	Secret(ctx context.Context, name string, fresh []byte) ([]byte, error)
}
