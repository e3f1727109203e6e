package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/mattn/go-isatty"
	"github.com/spf13/pflag"
	"google.golang.org/grpc/grpclog"

	"github.com/signalbox-ai/signalbox/providers/builtin"
	"github.com/signalbox-ai/signalbox/server"
	"github.com/signalbox-ai/signalbox/server/certs"
	"github.com/signalbox-ai/signalbox/server/config"
	"github.com/signalbox-ai/signalbox/server/telemetry"
)

// load reads the flags of a job and the configuration that they point to.
func load(job string, args []string, more func(*pflag.FlagSet)) (*config.Config, error) {
	source := config.System(builtin.Types)
	flags := pflag.NewFlagSet("signalbox "+job, pflag.ContinueOnError)
	source.AddFlags(flags)
	if more != nil {
		more(flags)
	}
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			os.Exit(0)
		}
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("%s takes no argument %q", job, flags.Arg(0))
	}
	return config.Load(*source)
}

// serve serves until SIGTERM, SIGINT or SIGHUP; a second one ends it at once.
func serve(args []string) error {
	cfg, err := load("serve", args, nil)
	if err != nil {
		return err
	}
	tele := cfg.Message.GetTelemetry()
	log := telemetry.NewLogger(tele.GetLogLevel(), tele.GetLogFormat(), os.Stderr, isatty.IsTerminal(os.Stderr.Fd()))
	tuneCollector()
	// What gRPC and grpc-gateway say by themselves: a line for each client that left.
	debugLines := slog.NewLogLogger(log.Handler(), slog.LevelDebug).Writer() //nolint:forbidigo // grpclog takes writers alone
	grpclog.SetLoggerV2(grpclog.NewLoggerV2(debugLines, debugLines, debugLines))
	if _, err := memlimit.Set(); err != nil {
		log.Debug("no memory limit to keep to", "error", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer stop()
	s, err := server.New(ctx, server.Params{Config: cfg, Types: builtin.Types, Log: log, Version: version, Extra: nil, Spoil: false, Hurry: false})
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, stop) // from now on a second signal has its usual effect
	s.Announce(os.Stderr)
	return errors.Join(s.Run(ctx), s.Close(context.Background()))
}

// tuneCollector lets the heap grow to three times what is live before it is collected,
// unless GOGC says otherwise: little is live, so the memory is small and the time is not.
func tuneCollector() {
	const usual, ours = 100, 200
	if before := debug.SetGCPercent(ours); before != usual {
		debug.SetGCPercent(before)
	}
}

// validate says whether serve would take the configuration.
func validate(args []string) error {
	cfg, err := load("validate", args, nil)
	if err != nil {
		return err
	}
	if tls := cfg.Message.GetServer().GetTls(); tls != nil {
		if _, err := certs.Load(tls, slog.New(slog.DiscardHandler)); err != nil {
			return fmt.Errorf("server.tls: %w", err)
		}
	}
	for _, warning := range cfg.Warnings {
		fmt.Fprintln(os.Stderr, "warning:", warning)
	}
	_, err = fmt.Fprintln(os.Stdout, "The configuration is valid.")
	return err
}

// explain prints the plan of a chat completion as JSON.
func explain(args []string) error {
	var question server.Question
	cfg, err := load("explain", args, func(flags *pflag.FlagSet) {
		flags.StringVar(&question.Model, "model", "", "the model selector to plan for")
		flags.StringVar(&question.Provider, "provider", "", "the provider instance to use")
		flags.StringVar(&question.Key, "key", "", "the key to plan for, by its public name")
		flags.BoolVar(&question.Stream, "stream", false, "plan a stream")
	})
	if err != nil {
		return err
	}
	if question.Model == "" {
		return errors.New("explain needs --model")
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	text, err := server.Explain(ctx, cfg, builtin.Types, question)
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(json.RawMessage(text))
}
