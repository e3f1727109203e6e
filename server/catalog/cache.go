package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	modelsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/models/v1"
)

// cache keeps each provider's last good list in a file, so that a start needs no
// network. Losing it loses nothing that the next refresh does not bring.
type cache struct {
	dir      string // empty: nothing is kept
	readOnly bool   // lists are loaded, never saved
	log      *slog.Logger
}

// cacheFormat is the version of the files; those of another are ignored.
const cacheFormat = 1

// cacheFile is a file's content. A list belongs to a type at an address: when
// either has changed it is another provider's.
type cacheFile struct {
	Format  int             `json:"format"`
	Type    string          `json:"type"`
	BaseURL string          `json:"base_url"`
	Told    time.Time       `json:"told"`
	List    json.RawMessage `json:"list"`
}

// cachedList is a list and when it was told. Zero: there is none.
type cachedList struct {
	models []*modelsv1.Model
	told   time.Time
}

func (c cache) path(instance string) string {
	return filepath.Join(c.dir, "models-"+instance+".json")
}

// load returns the list that is kept of a provider. What cannot be used is logged
// and ignored.
func (c cache) load(config *configv1.Provider) cachedList {
	if c.dir == "" {
		return cachedList{}
	}
	cached, err := c.read(config)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.log.Warn("kept list of models ignored", "provider", config.GetName(), "error", err)
	}
	return cached
}

func (c cache) read(config *configv1.Provider) (cachedList, error) {
	text, err := os.ReadFile(c.path(config.GetName()))
	if err != nil {
		return cachedList{}, err
	}
	var file cacheFile
	if err := json.Unmarshal(text, &file); err != nil {
		return cachedList{}, err
	}
	if file.Format != cacheFormat || file.Type != config.GetType() || file.BaseURL != config.GetBaseUrl() {
		return cachedList{}, nil
	}
	var list modelsv1.ListModelsResponse
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(file.List, &list); err != nil {
		return cachedList{}, err
	}
	models, _ := clean(list.GetData())
	return cachedList{models: models, told: file.Told}, nil
}

// save keeps a list: whole or not at all.
func (c cache) save(ctx context.Context, config *configv1.Provider, told time.Time, models []*modelsv1.Model) {
	if c.dir == "" || c.readOnly {
		return
	}
	if err := c.write(config, told, models); err != nil {
		c.log.WarnContext(ctx, "list of models not kept", "provider", config.GetName(), "error", err)
	}
}

func (c cache) write(config *configv1.Provider, told time.Time, models []*modelsv1.Model) error {
	list, err := protojson.Marshal(&modelsv1.ListModelsResponse{Data: models})
	if err != nil {
		return err
	}
	text, err := json.Marshal(cacheFile{Format: cacheFormat, Type: config.GetType(), BaseURL: config.GetBaseUrl(), Told: told, List: list})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(c.dir, "models-*.tmp")
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = os.Rename(file.Name(), c.path(config.GetName()))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("keep list: %w", err), os.Remove(file.Name()))
	}
	return nil
}
