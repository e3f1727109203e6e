package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"
)

// report gathers what was measured and prints it.
type report struct {
	settings *settings
	start    time.Duration
	binary   int64
	calls    int64
	drained  time.Duration
	idle     memory
	after    memory
	rows     []row
}

// row is a case through one target: medians of its turns, and of their ratios to the
// reverse proxy's turn of the same round.
type row struct {
	Case    string `json:"case"`
	Through string `json:"through"`
	Median  turn   `json:"median"`
	// CPUPerChunk is CPUPerCall shared among the chunks of a stream.
	CPUPerChunk float64 `json:"cpu_us_per_chunk,omitempty"`
	CPURatio    float64 `json:"cpu_ratio,omitempty"`
	RateRatio   float64 `json:"rate_ratio,omitempty"`
	// Against is another way through the gateway, and AgainstRatio the ratio of the CPU
	// to its.
	Against      string  `json:"against,omitempty"`
	AgainstRatio float64 `json:"against_ratio,omitempty"`
	// Added is what the median takes longer than the upstream alone, in microseconds.
	// Only with one connection: with many, they wait for one another.
	Added *turn  `json:"added,omitempty"`
	Turns []turn `json:"turns"`

	bench bench
}

// add takes the turns of a case.
func (r *report) add(b bench, results map[string][]turn) {
	for _, name := range everyTarget() {
		turns := results[name]
		if len(turns) == 0 {
			continue
		}
		row := row{Case: b.name(), Through: name, Turns: turns, bench: b}
		row.Median = medians(turns)
		row.CPURatio = ratio(turns, results[proxied], func(t turn) float64 { return t.CPUPerCall })
		row.RateRatio = ratio(turns, results[proxied], func(t turn) float64 { return t.CallsPerSec })
		if against := againstOf(name); len(results[against]) > 0 {
			row.Against, row.AgainstRatio = against, ratio(turns, results[against], func(t turn) float64 { return t.CPUPerCall })
		}
		if alone := results[direct]; len(alone) > 0 {
			least := medians(alone)
			row.Added = &turn{
				LatencyP50: row.Median.LatencyP50 - least.LatencyP50, LatencyP99: row.Median.LatencyP99 - least.LatencyP99,
				FirstP50: row.Median.FirstP50 - least.FirstP50, FirstP99: row.Median.FirstP99 - least.FirstP99,
			}
		}
		if b.streams() {
			row.CPUPerChunk = row.Median.CPUPerCall / float64(r.settings.chunks)
		}
		r.rows = append(r.rows, row)
	}
}

// ratio is the median of the ratios between turns of the same round.
func ratio(turns, base []turn, of func(turn) float64) float64 {
	var all []float64
	for i := range turns {
		if of(base[i]) > 0 {
			all = append(all, of(turns[i])/of(base[i]))
		}
	}
	return median(all)
}

// medians is the median of each member.
func medians(turns []turn) turn {
	of := func(member func(turn) float64) float64 {
		var all []float64
		for _, t := range turns {
			all = append(all, member(t))
		}
		return median(all)
	}
	return turn{
		Calls:        int(of(func(t turn) float64 { return float64(t.Calls) })),
		CallsPerSec:  of(func(t turn) float64 { return t.CallsPerSec }),
		CPUPerCall:   of(func(t turn) float64 { return t.CPUPerCall }),
		LatencyP50:   of(func(t turn) float64 { return t.LatencyP50 }),
		LatencyP99:   of(func(t turn) float64 { return t.LatencyP99 }),
		FirstP50:     of(func(t turn) float64 { return t.FirstP50 }),
		FirstP99:     of(func(t turn) float64 { return t.FirstP99 }),
		PeakResident: int64(of(func(t turn) float64 { return float64(t.PeakResident) })),
	}
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	middle := len(values) / 2
	if len(values)%2 == 1 {
		return values[middle]
	}
	return (values[middle-1] + values[middle]) / 2
}

func (r *report) print(w io.Writer) error {
	if r.settings.json {
		out := json.NewEncoder(w)
		out.SetIndent("", "  ")
		return out.Encode(map[string]any{
			"cpus": runtime.NumCPU(), "go": runtime.Version(), "rounds": r.settings.rounds, "turn_seconds": r.settings.runTime.Seconds(),
			"start_ms": r.start.Seconds() * 1000, "binary_bytes": r.binary, "calls": r.calls, "drained_seconds": r.drained.Seconds(), "idle": r.idle, "after": r.after, "rows": r.rows,
		})
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Signalbox with authentication, plan, audit and usage on, against the standard library's ReverseProxy: medians of %d interleaved "+
		"rounds of %v, %d processors shared with load and upstream, %s. Streams have %d chunks of %d bytes. × is the ratio to the reverse proxy.\n",
		r.settings.rounds, r.settings.runTime, runtime.NumCPU(), runtime.Version(), r.settings.chunks, r.settings.chunkBytes)
	if many := r.with(r.settings.connections); len(many) > 0 {
		r.printCost(&b, many)
	}
	if one := r.with(1); len(one) > 0 {
		printLatency(&b, one)
	}
	fmt.Fprintf(&b, "\nThe gateway: ready %.0f ms after its start; %.1f MB on disk; resident %.1f MiB idle, %.1f MiB after all cases.\n",
		r.start.Seconds()*1000, float64(r.binary)/1e6, mebibytes(r.idle.Resident), mebibytes(r.after.Resident))
	fmt.Fprintf(&b, "All %d calls have their audit record; the last came into the store %.1f s after the last reply.\n", r.calls, r.drained.Seconds())
	_, err := io.WriteString(w, b.String())
	return err
}

// with returns the rows of the cases with so many connections.
func (r *report) with(connections int) []row {
	return slices.DeleteFunc(slices.Clone(r.rows), func(row row) bool { return row.bench.connections != connections })
}

// printCost prints the cases with many connections.
func (r *report) printCost(b *strings.Builder, rows []row) {
	fmt.Fprintf(b, "\n%d connections (gRPC: %d channels):\n\n", r.settings.connections, min(r.settings.channels, r.settings.connections))
	b.WriteString("| request | reply | through | CPU µs/request | × | CPU µs/chunk | requests/s | × | p50 ms | p99 ms | first token p50 ms | peak MiB |\n")
	b.WriteString("|---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, row := range rows {
		chunk, first := "", ""
		if row.bench.streams() {
			chunk, first = fmt.Sprintf("%.2f", row.CPUPerChunk), fmt.Sprintf("%.2f", row.Median.FirstP50/1000)
		}
		fmt.Fprintf(b, "| %s | %s | %s | %.1f | %.2f | %s | %.0f | %.2f | %.2f | %.2f | %s | %.1f |\n", row.bench.size, row.bench.form, row.Through,
			row.Median.CPUPerCall, row.CPURatio, chunk, row.Median.CallsPerSec, row.RateRatio,
			row.Median.LatencyP50/1000, row.Median.LatencyP99/1000, first, mebibytes(row.Median.PeakResident))
	}
	line := "\n"
	for _, row := range rows {
		if row.Against != "" {
			fmt.Fprintf(b, "%s- %s %s: the CPU of \"%s\" is %.2f × that of \"%s\".\n", line, row.bench.size, row.bench.form, row.Through, row.AgainstRatio, row.Against)
			line = ""
		}
	}
}

// printLatency prints the cases with one connection.
func printLatency(b *strings.Builder, rows []row) {
	b.WriteString("\nOne connection, latency in µs, and what is added to that of the upstream alone:\n\n")
	b.WriteString("| request | reply | through | p50 | added | p99 | added | first token p50 | added | first token p99 | added |\n")
	b.WriteString("|---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, row := range rows {
		fmt.Fprintf(b, "| %s | %s | %s |", row.bench.size, row.bench.form, row.Through)
		added := row.Added
		if added == nil {
			added = &turn{}
		}
		fmt.Fprintf(b, " %.0f | %.0f | %.0f | %.0f |", row.Median.LatencyP50, added.LatencyP50, row.Median.LatencyP99, added.LatencyP99)
		if row.bench.streams() {
			fmt.Fprintf(b, " %.0f | %.0f | %.0f | %.0f |\n", row.Median.FirstP50, added.FirstP50, row.Median.FirstP99, added.FirstP99)
		} else {
			b.WriteString(" | | | |\n")
		}
	}
}

func mebibytes(bytes int64) float64 { return float64(bytes) / (1 << 20) }
