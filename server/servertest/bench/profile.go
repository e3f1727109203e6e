package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

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

// profileTime is long enough for a few hundred samples.
const profileTime = 5 * time.Second

func (f *field) profileTurn(ctx context.Context, t target, file string) (err error) {
	callers, err := t.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeAll(callers)) }()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		load, err := drive(ctx, callers, profileTime, math.MaxInt)
		f.sent += int64(len(load.latencies))
		return err
	})
	group.Go(func() error {
		profile, err := get(ctx, fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%.0f", f.pprofAddress, profileTime.Seconds()))
		if err != nil {
			return err
		}
		return os.WriteFile(file, profile, 0o600)
	})
	return group.Wait()
}
