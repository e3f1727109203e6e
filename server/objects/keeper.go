// Package objects keeps what callers stored: responses, conversations and chat
// completions that no provider keeps. It is the typed side of the store, and gives
// every object, the providers' ones too, the id that its owner knows.
package objects

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/objectid"
	"github.com/signalbox-ai/signalbox/server/storage"
)

// Store is where objects are kept.
type Store interface {
	storage.Objects
	storage.ObjectItems
	storage.ObjectEvents
}

// Params is what a Keeper is made from. All members are required.
type Params struct {
	// Store keeps them.
	Store Store
	// IDs seals and opens their ids.
	IDs *objectid.Sealer
	// Config says how long they are kept; all its members are set.
	Config *configv1.Objects
	// Now is the clock.
	Now func() time.Time
}

// Keeper keeps objects. Safe for concurrent use. An error is a *failure.Error, but for
// context.Canceled, and for what is kept and cannot be read.
type Keeper struct{ params Params }

// New returns a Keeper.
func New(params Params) *Keeper { return &Keeper{params: params} }

// Naming returns what gives the objects of a provider instance their ids. The empty
// instance is the gateway's own store.
func (k *Keeper) Naming(instance, owner string) *Naming {
	return newNaming(k.params.IDs, instance, owner)
}

// Open returns what an id of a kind stands for. raw says that the caller may use a
// provider's own ids: such an id has no instance that is known. What is not the owner's
// does not exist, nor does what is of another kind.
func (k *Keeper) Open(kind Kind, id, owner string, raw bool) (ref objectid.Ref, isRaw bool, err error) {
	ref, err = k.params.IDs.Open(id, owner)
	switch {
	case err == nil && kind.has(ref.Prefix):
		return ref, false, nil
	case errors.Is(err, objectid.ErrRaw) && raw:
		return objectid.Ref{UpstreamID: id}, true, nil
	default:
		return objectid.Ref{}, false, Missing("")
	}
}

// expires is when what is made or changed now expires.
func (k *Keeper) expires(kind storage.ObjectKind) time.Time {
	keep := k.params.Config.GetRetention().AsDuration()
	if kind == storage.ObjectConversation {
		keep = k.params.Config.GetConversationRetention().AsDuration()
	}
	return k.params.Now().Add(keep)
}

// Kind is what an id must name, by how the ids of the kind begin.
type Kind string

// The kinds.
const (
	KindResponse     Kind = "resp_"
	KindConversation Kind = "conv_"
	KindCompletion   Kind = "chatcmpl-"
	// KindItem is an item of any type.
	KindItem Kind = "item_"
)

// has says whether an id that begins like this is of the kind.
func (k Kind) has(prefix string) bool {
	if k != KindItem {
		return prefix == string(k)
	}
	return prefix != string(KindResponse) && prefix != string(KindConversation) && prefix != string(KindCompletion)
}

// newID is an id that nothing has.
func newID(prefix Kind) string {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails
	return string(prefix) + hex.EncodeToString(random[:])
}

// get reads an object into its message.
func (k *Keeper) get(ctx context.Context, owner string, key storage.ObjectKey, into proto.Message) (*storage.Object, error) {
	object, err := k.params.Store.Get(ctx, owner, key)
	if err != nil {
		return nil, fail(err)
	}
	if err := proto.Unmarshal(object.Body, into); err != nil {
		return nil, fmt.Errorf("read a stored object: %w", err)
	}
	return object, nil
}

// encode is a message as it is kept.
func encode(m proto.Message) ([]byte, error) {
	b, err := proto.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("keep an object: %w", err)
	}
	return b, nil
}

// fail gives an error of the store its reason.
func fail(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, storage.ErrNotFound):
		return Missing("")
	case errors.Is(err, storage.ErrCursor):
		return &failure.Error{Reason: commonv1.ErrorReason_ERROR_REASON_INVALID_CURSOR, Message: "The page cannot begin after that: it is not there.", Param: "after"}
	case errors.Is(err, storage.ErrTooLarge):
		return failure.Wrap(commonv1.ErrorReason_ERROR_REASON_REQUEST_TOO_LARGE, "The object is larger than the gateway keeps.", err)
	case errors.Is(err, storage.ErrOwnerFull):
		return failure.Wrap(commonv1.ErrorReason_ERROR_REASON_REQUEST_TOO_LARGE, "The owner's room for stored objects is full.", err)
	case errors.Is(err, storage.ErrConflict):
		return failure.Wrap(commonv1.ErrorReason_ERROR_REASON_STATE_CONFLICT, "The object was changed at the same time.", err)
	case errors.Is(err, storage.ErrRejected):
		return failure.Wrap(commonv1.ErrorReason_ERROR_REASON_INVALID_REQUEST, "The object cannot be kept.", err)
	case errors.Is(err, context.Canceled):
		return err
	default:
		return failure.Wrap(commonv1.ErrorReason_ERROR_REASON_STORE_UNAVAILABLE, "The gateway's store does not answer.", err)
	}
}

// Missing is the one answer to an id that does not exist, belongs to somebody else, was
// forged, or whose time is over. param is the member of the request that has it; an id
// in the path has none.
func Missing(param string) *failure.Error {
	return &failure.Error{Reason: commonv1.ErrorReason_ERROR_REASON_OBJECT_NOT_FOUND, Message: "There is no such object.", Param: param}
}
