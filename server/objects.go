package server

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/signalbox-ai/signalbox/server/objectid"
	"github.com/signalbox-ai/signalbox/server/objects"
	"github.com/signalbox-ai/signalbox/server/storage"
)

// keyringFile is the file in the data folder that has the keys of ids.
const keyringFile = "id_keys"

// meetAgain is how often the store is asked for the key of ids while it does not answer.
const meetAgain = 2 * time.Second

// openObjects makes what keeps callers' objects, in the store that is open.
func (s *Server) openObjects(ctx context.Context) error {
	cfg := s.params.Config.Message.GetObjects()
	kept := s.store.Objects(storage.ObjectLimits{ObjectBytes: cfg.GetMaxBytes(), OwnerBytes: cfg.GetMaxOwnerBytes()})
	ids, err := s.openSealer(ctx)
	if err != nil {
		return err
	}
	s.objects = objects.New(objects.Params{Store: kept, IDs: ids, Config: cfg, Now: time.Now})
	return s.openJobs(ctx, kept)
}

// openSealer is what ids are sealed with: the keys of the configuration, else one that
// all replicas share by the store.
func (s *Server) openSealer(ctx context.Context) (*objectid.Sealer, error) {
	if configured := s.params.Config.IDKeys; len(configured) > 0 {
		keys := make([]string, 0, len(configured))
		for _, key := range configured {
			keys = append(keys, key.Reveal())
		}
		return objectid.New(keys)
	}
	ring, err := objectid.OpenKeyring(filepath.Join(s.params.Config.Message.GetStorage().GetDataDir(), keyringFile))
	if err != nil {
		return nil, fmt.Errorf("open the keys of ids: %w", err)
	}
	if err := ring.Meet(ctx, s.store); err != nil {
		s.params.Log.WarnContext(ctx, "ids are sealed with this gateway's own key until the store answers", "error", err)
		s.keyring = ring
	}
	return ring.Sealer(), nil
}

// meetStore asks the store for the key of ids until it has told.
func (s *Server) meetStore(ctx context.Context) error {
	if s.keyring == nil {
		return nil
	}
	timer := time.NewTimer(meetAgain)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil
		}
		if s.keyring.Meet(ctx, s.store) == nil {
			return nil
		}
		timer.Reset(meetAgain)
	}
}
