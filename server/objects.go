package server

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"google.golang.org/protobuf/proto"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	"github.com/signalbox-ai/signalbox/server/objectid"
	"github.com/signalbox-ai/signalbox/server/objects"
	"github.com/signalbox-ai/signalbox/server/storage"
)

// idKeyFile is the file, in the data folder, of the keys that ids are sealed with.
const idKeyFile = "id.key"

// meetTimeout bounds how long the store is asked for the key of ids.
const meetTimeout = 5 * time.Second

// openObjects makes what keeps callers' objects, in the store that is open, and what
// does what must be done with them whatever happens to a process.
func (s *Server) openObjects(ctx context.Context) error {
	if err := s.openIDs(ctx); err != nil {
		return err
	}
	cfg := s.params.Config.Message.GetObjects()
	kept := s.store.Objects(storage.ObjectLimits{ObjectBytes: cfg.GetMaxBytes(), OwnerBytes: cfg.GetMaxOwnerBytes()})
	s.objects = objects.New(objects.Params{Store: kept, IDs: s.ids, Config: cfg, Now: time.Now})
	return s.openJobs(ctx, kept)
}

// openIDs makes what ids are sealed with: by the keys of the configuration, else by one
// that all replicas share by the store.
func (s *Server) openIDs(ctx context.Context) error {
	if len(s.params.Config.IDKeys) > 0 {
		keys := make([]string, 0, len(s.params.Config.IDKeys))
		for _, key := range s.params.Config.IDKeys {
			keys = append(keys, key.Reveal())
		}
		var err error
		s.ids, err = objectid.New(keys)
		return err
	}
	keyring, err := objectid.OpenKeyring(filepath.Join(s.params.Config.Message.GetStorage().GetDataDir(), idKeyFile))
	if err != nil {
		return err
	}
	s.ids = keyring.Sealer()
	if err := s.meet(ctx, keyring); err != nil {
		if errors.Is(err, objectid.ErrFile) {
			return err
		}
		s.params.Log.WarnContext(ctx, "the store has not told the key of ids yet; ids are sealed with the gateway's own", "error", err)
		s.keyring = keyring
	}
	return nil
}

func (s *Server) meet(ctx context.Context, keyring *objectid.Keyring) error {
	ctx, cancel := context.WithTimeout(ctx, meetTimeout)
	defer cancel()
	return keyring.Meet(ctx, s.store)
}

// meetStore asks the store for the key of ids until it answers.
func (s *Server) meetStore(ctx context.Context) error {
	if s.keyring == nil {
		return nil
	}
	tick := time.NewTicker(meetTimeout)
	defer tick.Stop()
	for s.meet(ctx, s.keyring) != nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

// storageConfig is where the records are kept, with its secret.
func (s *Server) storageConfig() *configv1.Storage {
	cfg := proto.CloneOf(s.params.Config.Message.GetStorage())
	cfg.DatabaseUrl = s.params.Config.DatabaseURL.Reveal()
	return cfg
}
