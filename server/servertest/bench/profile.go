package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"
)

// profile drives the gateway's targets once more, and keeps a CPU profile of each: not
// in a measured turn, since profiling costs as well.
func (f *field) profile(ctx context.Context, b bench) error {
	if err := os.MkdirAll(f.settings.profiles, 0o755); err != nil {
		return err
	}
	for _, t := range f.targets(b) {
		if t.process != f.gateway {
			continue
		}
		name := strings.NewReplacer(" ", "-", ",", "", "=", "").Replace(b.name()+" "+t.name) + ".pprof"
		if err := f.profileTurn(ctx, t, filepath.Join(f.settings.profiles, name)); err != nil {
			return err
		}
	}
	return nil
}

func (f *field) profileTurn(ctx context.Context, t target, file string) error {
	seconds := max(1, int(f.settings.runTime.Seconds()))
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		_, err := f.run(ctx, t)
		return err
	})
	group.Go(func() error {
		return fetch(ctx, fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", f.pprofAddress, seconds), file)
	})
	return group.Wait()
}

// fetch stores what an address answers.
func fetch(ctx context.Context, url, file string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, response.Body)
	return errors.Join(err, out.Close())
}
