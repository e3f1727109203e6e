package catalog_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	modelsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/models/v1"
	"github.com/signalbox-ai/signalbox/server/catalog"
)

func TestTheLastGoodListIsKeptOnDisk(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "models")
	synctest.Test(t, func(t *testing.T) {
		a := &lister{name: "a"}
		a.does(func(context.Context) ([]*modelsv1.Model, error) {
			return []*modelsv1.Model{{Id: "m", Created: 7, OwnedBy: "them", ExtraJson: `{"pricing": 1}`}}, nil
		})
		open(t, dir, []*configv1.Provider{provider("a")}, a).run(t)
	})
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 || files[0].Name() != "models-a.json" {
		t.Fatalf("files %v, error %v", files, err)
	}

	b := open(t, dir, []*configv1.Provider{provider("a")}, &lister{name: "a"})
	m, ok := b.catalog.Snapshot().Find("a", "m")
	if !ok || !m.Stale || m.Info.GetCreated() != 7 || m.Info.GetExtraJson() != `{"pricing": 1}` {
		t.Errorf("model %+v", m)
	}
	if status := b.catalog.Status()[0]; !status.Stale || status.LastSuccess.IsZero() || status.LastError != "" {
		t.Errorf("status %+v", status)
	}

	elsewhere := provider("a")
	elsewhere.BaseUrl = "https://other.example"
	if s := open(t, dir, []*configv1.Provider{elsewhere}, &lister{name: "a"}).catalog.Snapshot(); !s.Empty() {
		t.Error("the list of another address is taken over")
	}

	path := filepath.Join(dir, "models-a.json")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, broken := range []string{"", "{", string(whole[:len(whole)/2]), `{"format":1,"type":"openai","base_url":"https://a.example","told":"2026-01-01T00:00:00Z","list":[]}`} {
		if err := os.WriteFile(path, []byte(broken), 0o600); err != nil {
			t.Fatal(err)
		}
		b := open(t, dir, []*configv1.Provider{provider("a")}, &lister{name: "a"})
		if !b.catalog.Snapshot().Empty() || !strings.Contains(b.log.String(), "kept list of models ignored") {
			t.Errorf("%q: log %q", broken, b.log)
		}
	}
}

func TestAReaderOfTheFolderLeavesItAsItIs(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "models")
	a := &lister{name: "a"}
	a.tells("old")
	read := func() *catalog.Catalog {
		p := params(dir, &bytes.Buffer{}, []*configv1.Provider{provider("a")}, a)
		p.ReadOnly = true
		c, err := catalog.New(p)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}

	c := read()
	c.Refresh(t.Context())
	if _, ok := c.Snapshot().Find("a", "old"); !ok {
		t.Error("what the provider tells is not taken")
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("the folder was made: %v", err)
	}

	open(t, dir, []*configv1.Provider{provider("a")}, a).catalog.Refresh(t.Context())
	path := filepath.Join(dir, "models-a.json")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c = read()
	if _, ok := c.Snapshot().Find("a", "old"); !ok {
		t.Error("the kept list is not read")
	}
	a.tells("new")
	c.Refresh(t.Context())
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the kept list is now %s, error %v", after, err)
	}
}

func TestAFolderThatCannotBeWrittenCostsOnlyALogLine(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		a := &lister{name: "a"}
		a.tells("m")
		bench := open(t, filepath.Join(file, "models"), []*configv1.Provider{provider("a")}, a)
		bench.run(t)
		if _, ok := bench.catalog.Snapshot().Find("a", "m"); !ok || !strings.Contains(bench.log.String(), "list of models not kept") {
			t.Errorf("log %q", bench.log)
		}
	})
}
