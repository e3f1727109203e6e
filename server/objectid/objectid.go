// Package objectid makes the ids that callers know stored objects by. They are the
// gateway's own, sealed and stateless: an id says which instance has the object, by
// which id, and whose it is, under a code that only the gateway can make.
//
//	resp_xsb1_<base64url of the payload>
//
// The payload is, in this order: one byte that says how the upstream's id is packed,
// one byte with the length of the instance's name, the name, 8 bytes that stand for
// the owner, the packed id, and 12 bytes of HMAC-SHA256 over the prefix and all that.
//
// Only the owner that an id was made for may open it: no owner above it, and not the
// master key's "/" either, as in every method of the store. The master key reaches
// objects at providers by their raw ids, which its scopes allow.
package objectid

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"strings"
	"sync"
	"sync/atomic"
)

var (
	// ErrNotFound says that an id names no object of this owner. It may be foreign,
	// forged, cut off, or sealed with a key that is gone; nobody learns which.
	ErrNotFound = errors.New("no object has this id")
	// ErrRaw says that an id is not one of ours. It may be a provider's own.
	ErrRaw = errors.New("not an id of this gateway")
)

// Mark is what every id of ours has in it, and hardly any other text.
const Mark = "xsb"

// What an id is made of behind its prefix and the mark.
const (
	version  = Mark + "1_" // the only one so far
	ownerLen = 8
	macLen   = 12
	headLen  = 2 // packing, length of the instance's name
)

// Bounds of what is sealed, in bytes.
const (
	// MaxInstance is the longest name of an instance.
	MaxInstance = 64
	// MaxUpstreamID is the longest id of an upstream.
	MaxUpstreamID = 255
	// MaxPrefix is the longest prefix.
	MaxPrefix = 32
)

// maxPayload is the longest payload, before base64.
const maxPayload = headLen + MaxInstance + ownerLen + MaxUpstreamID + macLen

// Ref is what an id stands for.
type Ref struct {
	// Prefix is how the id begins: "resp_", "chatcmpl-".
	Prefix string
	// Instance is the provider instance that has the object. Empty: the gateway's
	// own store.
	Instance string
	// UpstreamID is the id that the object has there.
	UpstreamID string
}

// Sealer seals and opens ids. Safe for concurrent use.
type Sealer struct {
	keys atomic.Pointer[[]*key] // the newest first
}

// key is one key with its two uses, and hashes that are used again.
type key struct{ mac, owner sync.Pool }

// New returns a sealer that seals with the first key and opens ids of all. The error
// says that there is no key, or that one is empty.
func New(keys []string) (*Sealer, error) {
	s := &Sealer{}
	if err := s.replace(keys); err != nil {
		return nil, err
	}
	return s, nil
}

// replace changes the keys.
func (s *Sealer) replace(secrets []string) error {
	if len(secrets) == 0 {
		return errors.New("no key to seal ids with")
	}
	keys := make([]*key, 0, len(secrets))
	for _, secret := range secrets {
		k, err := newKey(secret)
		if err != nil {
			return err
		}
		keys = append(keys, k)
	}
	s.keys.Store(&keys)
	return nil
}

func newKey(secret string) (*key, error) {
	if secret == "" {
		return nil, errors.New("a key to seal ids with is empty")
	}
	k := &key{}
	for use, pool := range map[string]*sync.Pool{"id": &k.mac, "owner": &k.owner} {
		derived, err := hkdf.Key(sha256.New, []byte(secret), nil, "signalbox objectid 1 "+use, sha256.Size)
		if err != nil {
			return nil, fmt.Errorf("derive the key for %s: %w", use, err)
		}
		pool.New = func() any { return &keyed{Hash: hmac.New(sha256.New, derived)} }
	}
	return k, nil
}

// keyed is a keyed hash with room for what goes in and comes out.
type keyed struct {
	hash.Hash

	buf []byte
	sum [sha256.Size]byte
}

// of appends the first bytes of the hash over the parts to b, which may be one of
// them.
func of(pool *sync.Pool, b []byte, n int, prefix string, rest []byte) []byte {
	h, _ := pool.Get().(*keyed)
	defer pool.Put(h)
	h.Reset()
	// The prefix has its length before it, so that no byte of it can pass for one of
	// what follows.
	h.buf = append(append(append(h.buf[:0], byte(len(prefix))), prefix...), rest...) //nolint:gosec // short, or an owner, which stands alone
	h.Write(h.buf)                                                                   // a hash never fails
	return append(b, h.Sum(h.sum[:0])[:n]...)
}

func (k *key) ownerTag(b []byte, owner string) []byte { return of(&k.owner, b, ownerLen, owner, nil) }

// Seal returns the id of an object: the same for the same object, owner and key, so
// that lists, cursors and deduplication work. It holds nothing but letters, digits,
// "_" and "-".
//
// The prefix ends in "_" or "-" and does not hold our mark. What is empty or longer
// than the bounds above may get an id that nobody can open.
func (s *Sealer) Seal(prefix, instance, owner, upstreamID string) string {
	var room [maxPayload]byte
	payload := room[:0]
	k := (*s.keys.Load())[0]
	packing, packed := pack(prefix, upstreamID)
	payload = append(payload, packing, byte(len(instance))) //nolint:gosec // at most MaxInstance
	payload = append(payload, instance...)
	payload = k.ownerTag(payload, owner)
	payload = packed.append(payload)
	payload = of(&k.mac, payload, macLen, prefix, payload)

	var text [2 * maxPayload]byte
	id := append(append(text[:0], prefix...), version...)
	return string(encoding.AppendEncode(id, payload))
}

// Open returns what an id stands for. The error is ErrRaw for an id that is none of
// ours, and ErrNotFound for one that this owner has not.
func (s *Sealer) Open(id, owner string) (Ref, error) {
	prefix, sealed, ours := split(id)
	if !ours {
		return Ref{}, ErrRaw
	}
	return s.open(prefix, sealed, owner)
}

// split finds our mark in an id. sealed is what follows the prefix.
func split(id string) (prefix, sealed string, ours bool) {
	for from := 0; ; {
		at := strings.Index(id[from:], Mark)
		if at < 0 {
			return "", "", false
		}
		at += from
		if marked(id, at) {
			return id[:at], id[at:], true
		}
		from = at + len(Mark)
	}
}

// marked says whether the mark at a place of a text follows a prefix and has a
// version, of whatever number.
func marked(text string, at int) bool {
	if at == 0 || text[at-1] != '_' && text[at-1] != '-' {
		return false
	}
	rest := text[at+len(Mark):]
	return len(rest) >= 2 && '0' <= rest[0] && rest[0] <= '9' && rest[1] == '_'
}

func (s *Sealer) open(prefix, sealed, owner string) (Ref, error) {
	text, known := strings.CutPrefix(sealed, version)
	if !known || len(prefix) > MaxPrefix || encoding.DecodedLen(len(text)) > maxPayload {
		return Ref{}, ErrNotFound
	}
	if strings.ContainsAny(text, "\r\n") { // the decoder would leave them out
		return Ref{}, ErrNotFound
	}
	var room, in [maxPayload*4/3 + 4]byte
	n, err := encoding.Decode(room[:], append(in[:0], text...))
	if err != nil || n < headLen+ownerLen+macLen {
		return Ref{}, ErrNotFound
	}
	payload := room[:n]
	nameEnd := headLen + int(payload[1])
	if nameEnd+ownerLen+macLen > n {
		return Ref{}, ErrNotFound
	}
	if !s.belongs(prefix, owner, payload, payload[nameEnd:nameEnd+ownerLen]) {
		return Ref{}, ErrNotFound
	}
	upstreamID, ok := unpack(prefix, payload[0], payload[nameEnd+ownerLen:n-macLen])
	if !ok {
		return Ref{}, ErrNotFound
	}
	return Ref{Prefix: prefix, Instance: string(payload[headLen:nameEnd]), UpstreamID: upstreamID}, nil
}

// encoding reads each payload in one spelling only, so that an object has one id.
var encoding = base64.RawURLEncoding.Strict() //nolint:gochecknoglobals // a table

// belongs says whether a payload was sealed with one of the keys for this owner. It
// does the same work, whatever is wrong.
func (s *Sealer) belongs(prefix, owner string, payload, tag []byte) bool {
	var room [macLen + ownerLen]byte
	signed, code := payload[:len(payload)-macLen], payload[len(payload)-macLen:]
	good := 0
	for _, k := range *s.keys.Load() {
		got := k.ownerTag(of(&k.mac, room[:0], macLen, prefix, signed), owner)
		good |= subtle.ConstantTimeCompare(got[:macLen], code) & subtle.ConstantTimeCompare(got[macLen:], tag)
	}
	return good == 1
}
