package server

import (
	"context"
	"fmt"
	"time"

	"github.com/signalbox-ai/signalbox/server/objectid"
	"github.com/signalbox-ai/signalbox/server/objects"
	"github.com/signalbox-ai/signalbox/server/storage"
)

// openObjects makes what keeps callers' objects, in the store that is open.
func (s *Server) openObjects(ctx context.Context) error {
	cfg := s.params.Config.Message.GetObjects()
	kept := s.store.Objects(storage.ObjectLimits{ObjectBytes: cfg.GetMaxBytes(), OwnerBytes: cfg.GetMaxOwnerBytes()})
	keys := make([]string, 0, len(s.params.Config.IDKeys))
	for _, key := range s.params.Config.IDKeys {
		keys = append(keys, key.Reveal())
	}
	ids, err := objectid.NewSource(keys, s.store)
	if err != nil {
		return fmt.Errorf("make the keys of ids ready: %w", err)
	}
	s.objects = objects.New(objects.Params{Store: kept, IDs: ids, Config: cfg, Now: time.Now})
	return s.openJobs(ctx, kept)
}
