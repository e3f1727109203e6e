package server

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"google.golang.org/protobuf/proto"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	"github.com/signalbox-ai/signalbox/server/jobs"
	"github.com/signalbox-ai/signalbox/server/objectid"
	"github.com/signalbox-ai/signalbox/server/storage"
	"github.com/signalbox-ai/signalbox/server/storage/sqldb"
)

// idKeyFile is the file, in the data folder, of the keys that ids are sealed with.
const idKeyFile = "id.key"

// meetTimeout bounds how long the store is asked for the key of ids.
const meetTimeout = 5 * time.Second

// openObjects makes what stored objects stand on: the store's part for them, and what
// seals their ids.
func (s *Server) openObjects(ctx context.Context) error {
	cfg := s.params.Config.Message.GetObjects()
	s.objects = s.store.Objects(storage.ObjectLimits{ObjectBytes: cfg.GetMaxBytes(), OwnerBytes: cfg.GetMaxOwnerBytes()})
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

// Retention of objects.
const (
	expireInterval = 10 * time.Minute
	expireBatch    = 100 // so that no transaction keeps others waiting
)

// openJobs makes the job engine, which does what must be done whatever happens to a
// process. Who handles jobs says so before it runs.
func (s *Server) openJobs(ctx context.Context) (err error) {
	if s.jobsHandle, err = sqldb.OpenHandle(ctx, s.storageConfig()); err != nil {
		return fmt.Errorf("open the store of jobs: %w", err)
	}
	s.jobs, err = jobs.New(ctx, jobs.Params{
		SQLite:     s.jobsHandle.SQLite,
		Postgres:   s.jobsHandle.Postgres,
		MaxWorkers: int(s.params.Config.Message.GetObjects().GetMaxBackground()),
		Grace:      s.params.Config.Message.GetServer().GetDrainTimeout().AsDuration(),
		Log:        s.params.Log,
	})
	if err != nil {
		return err
	}
	return s.jobs.Every(expireInterval, "expire-objects", s.expireObjects)
}

// expireObjects deletes what has expired.
func (s *Server) expireObjects(ctx context.Context) error {
	for before := time.Now(); ; {
		n, err := s.objects.Expire(ctx, before, expireBatch)
		if err != nil {
			return err
		}
		if n < expireBatch {
			return nil
		}
	}
}

// storageConfig is where the records are kept, with its secret.
func (s *Server) storageConfig() *configv1.Storage {
	cfg := proto.CloneOf(s.params.Config.Message.GetStorage())
	cfg.DatabaseUrl = s.params.Config.DatabaseURL.Reveal()
	return cfg
}
