package objectid

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"sync/atomic"
)

// Secrets keeps secrets that the gateway made for itself; storage.Secrets is one.
type Secrets interface {
	// Secret returns the secret of a name, which is fresh if there was none. All
	// replicas get the same.
	Secret(ctx context.Context, name string, fresh []byte) ([]byte, error)
}

// secretName is the name of the key that the gateway made itself.
const secretName = "objectid"

// Source has the sealer. Where no key is configured it is made from one in the store,
// which may come later than the gateway. Safe for concurrent use.
type Source struct {
	secrets Secrets
	sealer  atomic.Pointer[Sealer]
}

// NewSource returns a source of a sealer with these keys, the newest first. Without
// any, a key is kept in secrets.
func NewSource(keys []string, secrets Secrets) (*Source, error) {
	s := &Source{secrets: secrets}
	if len(keys) == 0 {
		return s, nil
	}
	sealer, err := New(keys)
	if err != nil {
		return nil, err
	}
	s.sealer.Store(sealer)
	return s, nil
}

// Sealer returns the sealer. It asks the store once, and not at all where keys are
// configured. Every error is the store's.
func (s *Source) Sealer(ctx context.Context) (*Sealer, error) {
	if sealer := s.sealer.Load(); sealer != nil {
		return sealer, nil
	}
	fresh := make([]byte, 32)
	_, _ = rand.Read(fresh) // it never fails
	kept, err := s.secrets.Secret(ctx, secretName, fresh)
	if err != nil {
		return nil, fmt.Errorf("get the key for ids: %w", err)
	}
	sealer, err := New([]string{hex.EncodeToString(kept)})
	if err != nil {
		return nil, err
	}
	// All who come here at once have read the same key.
	s.sealer.CompareAndSwap(nil, sealer)
	return s.sealer.Load(), nil
}
