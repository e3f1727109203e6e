package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// The targets, in the order of the report.
const (
	direct    = "upstream alone"
	proxied   = "reverse proxy"
	nsPerUnit = float64(time.Microsecond)
)

func everyTarget() []string { return append([]string{direct, proxied}, gatewayTargets()...) }

func gatewayTargets() []string {
	var names []string
	for _, w := range everyWay() {
		names = append(names, w.name)
	}
	return names
}

// turn is what one target did in one round. Times are in microseconds.
type turn struct {
	Calls        int     `json:"calls"`
	CallsPerSec  float64 `json:"calls_per_second"`
	CPUPerCall   float64 `json:"cpu_us_per_call"`
	LatencyP50   float64 `json:"latency_p50_us"`
	LatencyP99   float64 `json:"latency_p99_us"`
	FirstP50     float64 `json:"first_p50_us"`
	FirstP99     float64 `json:"first_p99_us"`
	PeakResident int64   `json:"peak_resident_bytes"`
}

// target is what stands between the load and the upstream.
type target struct {
	name    string
	process *process // whose cost it is; nil: nobody's
	open    func(context.Context) ([]caller, error)
}

// measure gives each target its turn in each round, and returns the turns by target.
func (f *field) measure(ctx context.Context, b bench) (map[string][]turn, error) {
	targets := f.targets(b)
	results := map[string][]turn{}
	for round := range f.settings.rounds {
		for _, t := range targets {
			result, err := f.run(ctx, t)
			if err != nil {
				return nil, fmt.Errorf("%s, round %d: %w", t.name, round+1, err)
			}
			results[t.name] = append(results[t.name], result)
		}
		slices.Reverse(targets) // nobody always follows the same neighbour
	}
	if f.settings.profiles == "" {
		return results, nil
	}
	return results, f.profile(ctx, b)
}

// targets are the ways that a case is sent: those that others are compared with, and
// those of the gateway that the settings ask for.
func (f *field) targets(b bench) []target {
	route, chunks := f.routes[b.upstream()], f.settings.chunks
	rest := func(address string, w way) func(context.Context) ([]caller, error) {
		body := b.work.body(b, w)
		return func(ctx context.Context) ([]caller, error) {
			return openAll(b.connections, func(int) (caller, error) { return newRESTCaller(ctx, address, b, body, chunks) })
		}
	}
	grpc := func(w way) func(context.Context) ([]caller, error) {
		call := b.work.rpc(b, w, chunks)
		return func(ctx context.Context) ([]caller, error) {
			channels, err := newChannels(f.grpcAddress, min(f.settings.channels, b.connections))
			if err != nil {
				return nil, err
			}
			return openAll(b.connections, func(i int) (caller, error) {
				return newGRPCCaller(ctx, channels[i%len(channels)], i < len(channels), call), nil
			})
		}
	}
	var targets []target
	if b.connections == 1 { // many would wait for one another
		targets = append(targets, target{direct, nil, rest(route.upstreamAddress, way{})})
	}
	targets = append(targets, target{proxied, route.proxy, rest(route.proxyAddress, way{})})
	for _, w := range b.work.ways(b) {
		switch {
		case !f.settings.through.MatchString(w.name):
		case w.grpc:
			targets = append(targets, target{w.name, f.gateway, grpc(w)})
		default:
			targets = append(targets, target{w.name, f.gateway, rest(f.restAddress, w)})
		}
	}
	return targets
}

// openAll opens n callers, or none.
func openAll(n int, open func(int) (caller, error)) ([]caller, error) {
	callers := make([]caller, 0, n)
	for i := range n {
		c, err := open(i)
		if err != nil {
			return nil, errors.Join(err, closeAll(callers))
		}
		callers = append(callers, c)
	}
	return callers, nil
}

func closeAll(callers []caller) error {
	var all []error
	for _, c := range callers {
		all = append(all, c.close())
	}
	return errors.Join(all...)
}

// run is one turn: every caller calls once to warm up, then until time or count end.
func (f *field) run(ctx context.Context, t target) (result turn, err error) {
	callers, err := t.open(ctx)
	if err != nil {
		return turn{}, err
	}
	defer func() { err = errors.Join(err, closeAll(callers)) }()
	warm, err := drive(ctx, callers, 0, len(callers))
	if err != nil {
		return turn{}, err
	}
	if t.process == nil {
		load, err := drive(ctx, callers, f.settings.runTime, f.settings.runCount)
		return load.turn(), err
	}
	if err := t.process.forgetPeak(); err != nil {
		return turn{}, err
	}
	before, err := t.process.settled(ctx)
	if err != nil {
		return turn{}, err
	}
	load, err := drive(ctx, callers, f.settings.runTime, f.settings.runCount)
	if err != nil {
		return turn{}, t.process.failure(err)
	}
	// What the gateway puts off, such as moving records into its store, is of its cost.
	after, err := t.process.settled(ctx)
	result = load.turn()
	if t.process == f.gateway {
		f.sent += int64(len(warm.latencies) + len(load.latencies))
	}
	result.CPUPerCall = float64(after-before) / nsPerUnit / float64(result.Calls)
	result.PeakResident = t.process.memory().Peak
	return result, err
}

// load is what came of driving the callers.
type load struct {
	elapsed   time.Duration
	latencies []time.Duration
	firsts    []time.Duration
}

// drive has every caller call, again and again, until the time is up or the count is
// reached; with no time, until the count is. Each call begun is finished.
func drive(ctx context.Context, callers []caller, most time.Duration, count int) (load, error) {
	group, ctx := errgroup.WithContext(ctx)
	var begun atomic.Int64
	var mu sync.Mutex
	var all load
	start := time.Now()
	for _, c := range callers {
		group.Go(func() error {
			var own load
			for ctx.Err() == nil && begun.Add(1) <= int64(count) && (most == 0 || time.Since(start) < most) {
				began := time.Now()
				first, err := c.call()
				if err != nil {
					return err
				}
				own.latencies = append(own.latencies, time.Since(began))
				own.firsts = append(own.firsts, first.Sub(began))
			}
			mu.Lock()
			defer mu.Unlock()
			all.latencies = append(all.latencies, own.latencies...)
			all.firsts = append(all.firsts, own.firsts...)
			return nil
		})
	}
	err := group.Wait()
	all.elapsed = time.Since(start)
	return all, err
}

// turn sums up.
func (l load) turn() turn {
	slices.Sort(l.latencies)
	slices.Sort(l.firsts)
	return turn{
		Calls:       len(l.latencies),
		CallsPerSec: float64(len(l.latencies)) / l.elapsed.Seconds(),
		LatencyP50:  quantile(l.latencies, 0.5),
		LatencyP99:  quantile(l.latencies, 0.99),
		FirstP50:    quantile(l.firsts, 0.5),
		FirstP99:    quantile(l.firsts, 0.99),
	}
}

// quantile is a quantile of sorted times, in microseconds.
func quantile(sorted []time.Duration, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return float64(sorted[int(q*float64(len(sorted)-1))]) / nsPerUnit
}
