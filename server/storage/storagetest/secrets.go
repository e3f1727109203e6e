package storagetest

import (
	"bytes"
	"sync"
	"testing"

	"github.com/signalbox-ai/signalbox/server/storage"
)

// Secrets checks an implementation of storage.Secrets. open returns an empty store,
// which is closed when the test ends.
func Secrets(t *testing.T, open func(*testing.T) storage.Secrets) {
	t.Helper()
	store := open(t)
	var asking sync.WaitGroup
	got := make([][]byte, 8)
	for n := range got {
		asking.Go(func() {
			var err error
			if got[n], err = store.Secret(t.Context(), "key", []byte{byte(n), 0, 255}); err != nil {
				t.Errorf("Secret: %v", err)
			}
		})
	}
	asking.Wait()
	for _, secret := range got {
		if len(secret) != 3 || !bytes.Equal(secret, got[0]) {
			t.Errorf("of those who ask at once, one got %v and another %v", got[0], secret)
		}
	}
	if other, err := store.Secret(t.Context(), "another", []byte("own")); err != nil || string(other) != "own" {
		t.Errorf("another secret is %q, %v", other, err)
	}
}
