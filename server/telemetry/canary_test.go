package telemetry_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	usagev1 "github.com/signalbox-ai/signalbox/gen/signalbox/usage/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/call"
	"github.com/signalbox-ai/signalbox/server/telemetry"
)

// Credentials and content are in no log line, no metric and no span, wherever a call
// carries them.
func TestCanaries(t *testing.T) {
	t.Parallel()
	const canary = "canary-7f3a"
	for _, format := range []string{"json", "text"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			o := newCollector(t)
			cfg := o.config(100)
			cfg.LogFormat = format
			r := newRig(t, cfg)
			leaky := func(c *call.Call) *call.Call {
				c.Credential = canary
				c.TraceParent = "00-" + canary
				c.Path = "/v1/" + canary
				c.HTTPMethod = canary
				c.Client = call.Client{Address: canary, UserAgent: canary}
				c.RequestHeader = map[string][]string{"authorization": {canary}, "baggage": {"x=" + canary}, canary: {canary}}
				c.Outcome.Exchange.UsageJSON = canary
				c.Outcome.Exchange.Header = map[string][]string{"X": {canary}}
				c.Outcome.Exchange.Attempts[0].Credential = canary
				return c
			}
			for _, c := range []*call.Call{chat("gpt-4o"), stream("gpt-4o")} {
				r.pass(leaky(c), nil)
			}
			for reason := range commonv1.ErrorReason_name {
				failed := &failure.Error{
					Reason: commonv1.ErrorReason(reason), Message: canary, Param: canary, Code: canary, Type: canary,
					UpstreamBody: canary, ExtraJSON: canary, Cause: fmt.Errorf("post https://x/?key=%s: %w", canary, errors.New(canary)),
				}
				r.pass(leaky(stream("gpt-4o")), failed)
			}
			r.shut()
			spans, resource := o.spans()
			if len(spans) == 0 || r.log.String() == "" {
				t.Fatal("nothing was told at all")
			}
			outputs := []string{r.log.String(), r.scrape().text, prototext.Format(resource)}
			for _, span := range spans {
				outputs = append(outputs, prototext.Format(span))
			}
			for _, output := range outputs {
				if at := strings.Index(output, canary); at >= 0 {
					t.Fatalf("a canary is out: …%s…", output[max(0, at-200):min(len(output), at+100)])
				}
			}
		})
	}
}

func writes(tokens int32) *usagev1.CacheWrite { return &usagev1.CacheWrite{Tokens: tokens} }

// newTelemetry is one that the test closes itself.
func newTelemetry(cfg *configv1.Telemetry) (*telemetry.Telemetry, error) {
	return telemetry.New(telemetry.Params{Config: cfg, Log: telemetry.NewLogger("", "", &lines{}, false), Version: "", Providers: nil})
}
