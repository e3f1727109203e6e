package call_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/call"
)

// lossHeader is the header x-signalbox-loss of a call that loses that.
func lossHeader(losses ...*commonv1.Loss) (header string) {
	c := &call.Call{Plan: &planv1.ExecutionPlan{Target: &planv1.Target{Losses: losses}}}
	c.EachHeader(func(name, value string) {
		if name == "x-signalbox-loss" {
			header = value
		}
	})
	return header
}

// Whatever is lost, the header is a structured list in visible ASCII, and short.
func TestLossHeader(t *testing.T) {
	t.Parallel()
	loss := func(field, detail string) *commonv1.Loss {
		return &commonv1.Loss{Field: field, Kind: commonv1.LossKind_LOSS_KIND_DROPPED, Detail: detail}
	}
	for _, tt := range []struct {
		name   string
		losses []*commonv1.Loss
		want   string
	}{
		{"nothing", nil, ""},
		{"a field", []*commonv1.Loss{loss("messages.name", "")}, "messages.name;kind=dropped"},
		{"two", []*commonv1.Loss{loss("n", ""), loss("seed", "")}, "n;kind=dropped, seed;kind=dropped"},
		{"why", []*commonv1.Loss{loss("seed", "There is none.")}, `seed;kind=dropped;why="There is none."`},
		{"emulated", []*commonv1.Loss{{Field: "n", Kind: commonv1.LossKind_LOSS_KIND_EMULATED}}, "n;kind=emulated"},
		{"what is no text", []*commonv1.Loss{loss("seed", "a\r\nSet-Cookie: \"x\"\\ é")}, `seed;kind=dropped;why="a''Set-Cookie: 'x'' '"`},
		{"what is no token", []*commonv1.Loss{loss("9 a;b=\n\"é/", "")}, "*9'a'b'''''" + ";kind=dropped"},
		{"no name", []*commonv1.Loss{loss("", "")}, "*;kind=dropped"},
		{"a long reason", []*commonv1.Loss{loss("seed", strings.Repeat("x", 500))}, `seed;kind=dropped;why="` + strings.Repeat("x", 96) + `"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := lossHeader(tt.losses...); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// What has no room is counted, and a status stays small.
func TestManyLosses(t *testing.T) {
	t.Parallel()
	var losses []*commonv1.Loss
	for i := range 100 {
		losses = append(losses, &commonv1.Loss{Field: fmt.Sprintf("field_%d", i), Kind: commonv1.LossKind_LOSS_KIND_DROPPED, Detail: strings.Repeat("why ", 20)})
	}
	header := lossHeader(losses...)
	items := strings.Split(header, ", ")
	if more := fmt.Sprintf("*;more=%d", 100-len(items)+1); len(header) > 1024 || items[len(items)-1] != more || !strings.HasPrefix(header, "field_0;kind=dropped;") {
		t.Errorf("%d bytes: %s", len(header), header)
	}
	c := &call.Call{Plan: &planv1.ExecutionPlan{Target: &planv1.Target{Losses: losses}}}
	status := c.Status(failure.New(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_FAILED, "It failed."))
	if size := proto.Size(status.Proto()); size > 4<<10 || len(c.Info().GetLosses()) != 100 {
		t.Errorf("the status has %d bytes, the facts %d losses", size, len(c.Info().GetLosses()))
	}
}
