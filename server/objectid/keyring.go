package objectid

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Secrets keeps secrets that the gateway made for itself; storage.Secrets is one.
type Secrets interface {
	// Secret returns the secret of a name, which is fresh if there was none. All
	// replicas get the same.
	Secret(ctx context.Context, name string, fresh []byte) ([]byte, error)
}

// secretName is the name of the shared key.
const secretName = "objectid"

// keyBytes is how long a key is that the gateway makes.
const keyBytes = 32

// Keyring has the keys that the gateway made itself. The store has the one that all
// replicas share; a file has what this gateway knows of it, so that ids are sealed and
// read while the store is down, after a restart too. One that has never met the store
// seals with a key of its own and goes on to read its ids when it has.
type Keyring struct {
	path   string
	sealer *Sealer
	keys   []string // the newest first
	fresh  bool     // the only key was made now, and nobody has an id of it
}

// OpenKeyring reads the keys of a file, or makes one. It is written by Meet.
func OpenKeyring(path string) (*Keyring, error) {
	k := &Keyring{path: path}
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		key := make([]byte, keyBytes)
		_, _ = rand.Read(key) // it never fails
		k.keys, k.fresh = []string{hex.EncodeToString(key)}, true
	case err != nil:
		return nil, fmt.Errorf("read the keys of ids: %w", err)
	default:
		k.keys = strings.Fields(string(text))
	}
	if k.sealer, err = New(k.keys); err != nil {
		return nil, fmt.Errorf("read the keys of ids in %s: %w", path, err)
	}
	return k, nil
}

// Sealer seals with the newest key that is known.
func (k *Keyring) Sealer() *Sealer { return k.sealer }

// Meet asks the store for the shared key, or gives it the gateway's own, and writes
// the file. It is called before the first id is sealed, and again until it returns nil;
// not by two at once. An error is one of the store, unless it is ErrFile: then the file
// could not be written.
func (k *Keyring) Meet(ctx context.Context, store Secrets) error {
	own, err := hex.DecodeString(k.keys[0])
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrFile, k.path, err)
	}
	shared, err := store.Secret(ctx, secretName, own)
	if err == nil && len(shared) == 0 {
		err = errors.New("the key in the store is empty")
	}
	if err != nil {
		k.fresh = false // from now on there may be ids of it
		return errors.Join(fmt.Errorf("get the key of ids: %w", err), k.write())
	}
	newest := hex.EncodeToString(shared)
	if k.fresh {
		k.keys = nil
	}
	k.keys = append([]string{newest}, slices.DeleteFunc(k.keys, func(key string) bool { return key == newest })...)
	k.fresh = false
	if err := k.sealer.replace(k.keys); err != nil {
		return err
	}
	return k.write()
}

// ErrFile says that the file of the keys cannot be used.
var ErrFile = errors.New("the keys of ids")

// write writes the file in one piece, for nobody else to read.
func (k *Keyring) write() error {
	text := strings.Join(k.keys, "\n") + "\n"
	if old, err := os.ReadFile(k.path); err == nil && string(old) == text {
		return nil
	}
	file, err := os.CreateTemp(filepath.Dir(k.path), filepath.Base(k.path)+".*") // readable for us alone
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFile, err)
	}
	_, err = file.WriteString(text)
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = os.Rename(file.Name(), k.path)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFile, errors.Join(err, os.Remove(file.Name())))
	}
	return nil
}
