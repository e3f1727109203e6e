package objectid_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signalbox-ai/signalbox/server/objectid"
)

// store keeps secrets as replicas share them, when it is there.
type store struct {
	down    bool
	secrets map[string][]byte
}

var errDown = errors.New("down")

func (s *store) Secret(_ context.Context, name string, fresh []byte) ([]byte, error) {
	if s.down {
		return nil, errDown
	}
	if s.secrets[name] == nil {
		s.secrets[name] = fresh
	}
	return s.secrets[name], nil
}

func keyring(t *testing.T, path string) *objectid.Keyring {
	t.Helper()
	k, err := objectid.OpenKeyring(path)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func meet(t *testing.T, k *objectid.Keyring, s *store) {
	t.Helper()
	if err := k.Meet(t.Context(), s); err != nil {
		t.Fatal(err)
	}
}

func seal(k *objectid.Keyring) string { return k.Sealer().Seal("resp_", "", "/a", "1") }

func opens(t *testing.T, k *objectid.Keyring, id string) bool {
	t.Helper()
	ref, err := k.Sealer().Open(id, "/a")
	return err == nil && ref.UpstreamID == "1"
}

func TestReplicasShareAKeyThatTheyMade(t *testing.T) {
	t.Parallel()
	shared := &store{secrets: map[string][]byte{}}
	file := filepath.Join(t.TempDir(), "id.key")
	one, two := keyring(t, file), keyring(t, filepath.Join(t.TempDir(), "id.key"))
	meet(t, one, shared)
	meet(t, two, shared)
	if seal(one) != seal(two) {
		t.Error("two replicas give one object two ids")
	}
	// After a restart nothing has changed, with the store and without.
	for _, down := range []bool{false, true} {
		shared.down = down
		again := keyring(t, file)
		if err := again.Meet(t.Context(), shared); down != errors.Is(err, errDown) || seal(again) != seal(two) {
			t.Errorf("down %t: Meet = %v, another id: %t", down, err, seal(again) != seal(two))
		}
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("others may read the keys: %v, %v", info.Mode(), err)
	}
}

// A gateway that starts for the first time while the store is down seals with a key of
// its own, and reads its ids for ever.
func TestAGatewayThatHasNotMetTheStore(t *testing.T) {
	t.Parallel()
	shared := &store{secrets: map[string][]byte{}}
	other := keyring(t, filepath.Join(t.TempDir(), "id.key"))
	meet(t, other, shared)
	shared.down = true
	file := filepath.Join(t.TempDir(), "id.key")
	alone := keyring(t, file)
	if err := alone.Meet(t.Context(), shared); !errors.Is(err, errDown) {
		t.Errorf("Meet = %v", err)
	}
	early := seal(alone)
	alone = keyring(t, file) // a restart
	if seal(alone) != early {
		t.Error("its own key is forgotten")
	}
	shared.down = false
	meet(t, alone, shared)
	meet(t, alone, shared)
	if seal(alone) != seal(other) {
		t.Error("it does not seal with the shared key")
	}
	for _, k := range []*objectid.Keyring{alone, keyring(t, file)} {
		if !opens(t, k, early) || !opens(t, k, seal(other)) {
			t.Error("it does not read what was sealed")
		}
	}
	// One who made no id keeps no key.
	fresh := filepath.Join(t.TempDir(), "id.key")
	meet(t, keyring(t, fresh), shared)
	if text, err := os.ReadFile(fresh); err != nil || len(strings.Fields(string(text))) != 1 {
		t.Errorf("the file has %q, %v", text, err)
	}
}

func TestKeysThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{"empty": "", "text": "no digits"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		k, err := objectid.OpenKeyring(path)
		if err == nil {
			err = k.Meet(t.Context(), &store{secrets: map[string][]byte{}})
		}
		if err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
	missing := keyring(t, filepath.Join(dir, "missing", "id.key"))
	if err := missing.Meet(t.Context(), &store{secrets: map[string][]byte{}}); !errors.Is(err, objectid.ErrFile) {
		t.Errorf("a folder that is not there: %v", err)
	}
}
