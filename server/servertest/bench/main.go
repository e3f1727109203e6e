// Command bench measures what the gateway costs. It starts the fake upstream, a plain
// reverse proxy before it, and the gateway before it, each a process of its own, sends
// the same calls through them in turn, and prints what each spent as a ratio to the
// reverse proxy. See docs/performance.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// settings is what the command line says.
type settings struct {
	connections int
	channels    int
	rounds      int
	runTime     time.Duration
	runCount    int
	chunks      int
	chunkBytes  int
	replyBytes  int
	pace        time.Duration
	only        *regexp.Regexp
	through     *regexp.Regexp
	json        bool
	profiles    string
	logs        string
	quick       bool
}

func main() {
	if len(os.Args) == 4 && os.Args[1] == proxyCommand {
		exit(serveProxy(os.Args[2], os.Args[3]))
	}
	s, err := parse(os.Args[1:])
	if err != nil {
		exit(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	exit(measureAll(ctx, s))
}

// exit ends the program; a plain call for help is no failure.
func exit(err error) {
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		os.Exit(0)
	default:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parse(args []string) (*settings, error) {
	s := &settings{}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&s.connections, "c", 64, "connections, each with one call at a time")
	flags.IntVar(&s.channels, "channels", 8, "gRPC connections that share the calls of -c")
	flags.IntVar(&s.rounds, "rounds", 3, "times that each target has its turn; the median counts")
	flags.DurationVar(&s.runTime, "time", 2*time.Second, "how long a turn is")
	flags.IntVar(&s.runCount, "count", 200_000, "most calls in a turn")
	flags.IntVar(&s.chunks, "chunks", 200, "chunks of a streamed reply")
	flags.IntVar(&s.chunkBytes, "chunk-bytes", 200, "bytes of text in a chunk")
	flags.IntVar(&s.replyBytes, "reply-bytes", 400, "bytes of text in an unary reply")
	flags.DurationVar(&s.pace, "pace", 2*time.Millisecond, "wait before each chunk of a paced stream")
	flags.BoolVar(&s.json, "json", false, "print JSON, not tables")
	flags.StringVar(&s.profiles, "profile", "", "also write CPU profiles of the gateway, one for each case, into this folder")
	flags.StringVar(&s.logs, "logs", "", "keep the processes' logs and data in this folder")
	flags.BoolVar(&s.quick, "quick", false, "a smoke test of about 20 seconds: one short round, the main cases")
	only := flags.String("cases", "", "only cases whose name, such as \"small stream rest c=64\", matches this expression")
	through := flags.String("through", "", "only those ways through the gateway whose name matches this expression: "+strings.Join(gatewayTargets(), "; "))
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if s.quick {
		s.rounds, s.runTime = 1, 300*time.Millisecond
	}
	var err error
	if s.only, err = regexp.Compile(*only); err != nil {
		return nil, fmt.Errorf("-cases: %w", err)
	}
	if s.through, err = regexp.Compile(*through); err != nil {
		return nil, fmt.Errorf("-through: %w", err)
	}
	return s, nil
}

// measureAll starts the processes, has every case measured, and prints the report.
func measureAll(ctx context.Context, s *settings) error {
	field, err := openField(ctx, s)
	if err != nil {
		return err
	}
	defer field.close()
	report := report{settings: s, start: field.start, idle: field.gateway.memory(), binary: field.binary}
	for _, c := range cases(s) {
		fmt.Fprintln(os.Stderr, "measuring", c.name())
		results, err := field.measure(ctx, c)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name(), err)
		}
		report.add(c, results)
	}
	report.after, report.calls = field.gateway.memory(), field.sent
	if report.drained, err = field.audited(ctx); err != nil {
		return err
	}
	return report.print(os.Stdout)
}
