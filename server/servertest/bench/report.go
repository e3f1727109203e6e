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
	P50Ratio    float64 `json:"latency_p50_ratio,omitempty"`
	P99Ratio    float64 `json:"latency_p99_ratio,omitempty"`
	Turns       []turn  `json:"turns"`

	bench bench
}

// add takes the turns of a case.
func (r *report) add(b bench, results map[string][]turn) {
	base := results[proxied]
	for _, name := range everyTarget() {
		turns := results[name]
		if len(turns) == 0 {
			continue
		}
		ratio := func(of func(turn) float64) float64 {
			var all []float64
			for i := range turns {
				if of(base[i]) > 0 {
					all = append(all, of(turns[i])/of(base[i]))
				}
			}
			return median(all)
		}
		row := row{Case: b.name(), Through: name, Turns: turns, bench: b}
		row.Median = medians(turns)
		row.CPURatio = ratio(func(t turn) float64 { return t.CPUPerCall })
		row.RateRatio = ratio(func(t turn) float64 { return t.CallsPerSec })
		row.P50Ratio = ratio(func(t turn) float64 { return t.LatencyP50 })
		row.P99Ratio = ratio(func(t turn) float64 { return t.LatencyP99 })
		if b.streams() {
			row.CPUPerChunk = row.Median.CPUPerCall / float64(r.settings.chunks)
		}
		r.rows = append(r.rows, row)
	}
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
			"start_ms": r.start.Seconds() * 1000, "binary_bytes": r.binary, "idle": r.idle, "after": r.after, "rows": r.rows,
		})
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Signalbox with authentication, plan, audit and usage on, against the standard library's ReverseProxy: medians of %d interleaved "+
		"rounds of %v, %d processors shared with load and upstream, %s. Streams have %d chunks of %d bytes. × is the ratio to the reverse proxy.\n",
		r.settings.rounds, r.settings.runTime, runtime.NumCPU(), runtime.Version(), r.settings.chunks, r.settings.chunkBytes)
	r.printCost(&b)
	r.printLatency(&b)
	fmt.Fprintf(&b, "\nThe gateway: ready %.0f ms after its start; %.1f MB on disk; resident %.1f MiB idle, %.1f MiB after all cases.\n",
		r.start.Seconds()*1000, float64(r.binary)/1e6, mebibytes(r.idle.Resident), mebibytes(r.after.Resident))
	_, err := io.WriteString(w, b.String())
	return err
}

// printCost prints the cases with many connections.
func (r *report) printCost(b *strings.Builder) {
	fmt.Fprintf(b, "\n%d connections (gRPC: %d channels):\n\n", r.settings.connections, min(r.settings.channels, r.settings.connections))
	b.WriteString("| request | reply | through | CPU µs/request | × | CPU µs/chunk | requests/s | × | p50 ms | p99 ms | first token p50 ms | peak MiB |\n")
	b.WriteString("|---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, row := range r.rows {
		if row.bench.connections == 1 && r.settings.connections != 1 {
			continue
		}
		chunk, first := "", ""
		if row.bench.streams() {
			chunk, first = fmt.Sprintf("%.2f", row.CPUPerChunk), fmt.Sprintf("%.2f", row.Median.FirstP50/1000)
		}
		fmt.Fprintf(b, "| %s | %s | %s | %.1f | %.2f | %s | %.0f | %.2f | %.2f | %.2f | %s | %.1f |\n", row.bench.size, row.bench.form, row.Through,
			row.Median.CPUPerCall, row.CPURatio, chunk, row.Median.CallsPerSec, row.RateRatio,
			row.Median.LatencyP50/1000, row.Median.LatencyP99/1000, first, mebibytes(row.Median.PeakResident))
	}
}

// printLatency prints the cases with one connection.
func (r *report) printLatency(b *strings.Builder) {
	b.WriteString("\nOne connection, latency in µs:\n\n")
	b.WriteString("| request | reply | through | p50 | × | p99 | × | first token p50 | first token p99 |\n")
	b.WriteString("|---|---|---|---:|---:|---:|---:|---:|---:|\n")
	for _, row := range r.rows {
		if row.bench.connections != 1 {
			continue
		}
		first50, first99 := "", ""
		if row.bench.streams() {
			first50, first99 = fmt.Sprintf("%.0f", row.Median.FirstP50), fmt.Sprintf("%.0f", row.Median.FirstP99)
		}
		fmt.Fprintf(b, "| %s | %s | %s | %.0f | %.2f | %.0f | %.2f | %s | %s |\n", row.bench.size, row.bench.form, row.Through,
			row.Median.LatencyP50, row.P50Ratio, row.Median.LatencyP99, row.P99Ratio, first50, first99)
	}
}

func mebibytes(bytes int64) float64 { return float64(bytes) / (1 << 20) }
