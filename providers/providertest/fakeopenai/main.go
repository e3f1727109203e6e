// Command fakeopenai serves a test upstream, OpenAI's or that of another provider: for SDK suites and kill tests with all
// checks, and for benchmarks as cheap as can be.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/signalbox-ai/signalbox/providers/providertest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "fakeopenai:", err)
		os.Exit(1) //nolint:gocritic // stop has nothing left to do
	}
}

// upstream is what both kinds have.
type upstream interface {
	io.Closer
	URL() string
}

// run serves until ctx ends. Its first line of output is the base URL.
func run(ctx context.Context, args []string, out io.Writer) error {
	up, err := listen(args)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(out, up.URL()); err != nil {
		return fmt.Errorf("print the URL: %w", err)
	}
	<-ctx.Done()
	if err := up.Close(); err != nil {
		return fmt.Errorf("close: %w", err)
	}
	if full, ok := up.(*providertest.Upstream); ok {
		if v := full.TakeViolations(); len(v) > 0 {
			return fmt.Errorf("%d violations: %s", len(v), strings.Join(v, "; "))
		}
	}
	return nil
}

// listen starts what the flags say.
func listen(args []string) (upstream, error) {
	flags := flag.NewFlagSet("fakeopenai", flag.ContinueOnError)
	addr := flags.String("addr", "127.0.0.1:0", "address to listen on")
	profile := flags.String("profile", providertest.ProfileOpenAI, "provider to play: "+strings.Join(providertest.Profiles(), ", "))
	key := flags.String("key", providertest.DefaultKey, "API keys that are known, with commas between them; empty: any or none, where the provider needs no key")
	models := flags.String("models", "", "models that there are, with commas between them; empty: a selection of the provider's")
	logPath := flags.String("log", "", "file that gets a JSON line for each arrival and each end of a call")
	delay := flags.Duration("delay", 0, "wait before each chunk of a stream, and before other replies")
	chunks := flags.Int("chunks", 0, "content chunks of a stream; 0: by the reply")
	chunkBytes := flags.Int("chunk-bytes", 0, "size of the text in each of them")
	replyBytes := flags.Int("reply-bytes", 0, "size of the text of other replies; 0: by the reply")
	direct := flags.Bool("direct", false, "take the headers of clients that talk to it directly")
	unknown := flags.Bool("accept-unknown", false, "take members that the provider does not know")
	fast := flags.Bool("fast", false, "answer prebuilt bytes, check and remember nothing")
	caFile := flags.String("tls-ca", "", "serve HTTPS, and write the authority behind the certificate to this file")
	if err := flags.Parse(args); err != nil {
		return nil, fmt.Errorf("read the flags: %w", err)
	}
	if *fast {
		if *logPath != "" || *caFile != "" || *profile != providertest.ProfileOpenAI {
			return nil, errors.New("-fast has neither -log nor -tls-ca, and plays OpenAI alone")
		}
		return providertest.ListenFast(*addr, providertest.FastParams{ //nolint:wrapcheck // says all
			Chunks: *chunks, ChunkBytes: *chunkBytes, ReplyBytes: *replyBytes, Delay: *delay,
		})
	}
	p := providertest.Params{
		Profile: *profile, Keys: split(*key), Models: split(*models), LogPath: *logPath, TLS: *caFile != "", KeepRequests: -1,
		AcceptUnknown: *unknown, Chunks: *chunks, ChunkBytes: *chunkBytes, ReplyBytes: *replyBytes,
		Always: pace(*delay),
	}
	if *direct {
		p.AllowHeaders = []string{"*"}
	}
	up, err := providertest.Listen(*addr, p)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	if *caFile != "" {
		if err := os.WriteFile(*caFile, up.CAFile(), 0o600); err != nil {
			return nil, errors.Join(fmt.Errorf("write the authority: %w", err), up.Close())
		}
	}
	return up, nil
}

// pace is an orderly reply that waits.
func pace(d time.Duration) providertest.Script {
	return providertest.Script{Delay: d, PerChunk: d}
}

// split cuts a list at its commas.
func split(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}
