package audit

import (
	"fmt"
	"sync"
	"sync/atomic"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
)

// Bounds of the plans that are remembered: names that clients make up must not fill
// the memory.
const (
	maxPlans       = 1024
	maxPlanInCache = 4 << 10
)

// planCache remembers encoded plans by digest. Plans of one digest differ in their
// request id alone, and a gateway makes few of them; encoding one costs a quarter of
// what both records of a call cost.
type planCache struct {
	encoded sync.Map // digest string → []byte
	count   atomic.Int64
}

// append appends a plan as a field of a message. A plan that holds a request's
// megabytes is left out: it must not fill the spool.
func (p *planCache) append(b []byte, field protowire.Number, plan *planv1.ExecutionPlan) ([]byte, error) {
	const requestID = 2 // of ExecutionPlan
	rest, err := p.rest(plan)
	if err != nil || len(rest) > maxPlan {
		return b, err
	}
	size := len(rest)
	if plan.GetRequestId() != "" {
		size += protowire.SizeTag(requestID) + protowire.SizeBytes(len(plan.GetRequestId()))
	}
	b = protowire.AppendTag(b, field, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(size))
	if plan.GetRequestId() != "" {
		b = protowire.AppendTag(b, requestID, protowire.BytesType)
		b = protowire.AppendString(b, plan.GetRequestId())
	}
	return append(b, rest...), nil
}

// rest is the encoding of a plan without its request id.
func (p *planCache) rest(plan *planv1.ExecutionPlan) ([]byte, error) {
	digest := plan.GetDigest()
	if found, ok := p.encoded.Load(digest); ok {
		rest, _ := found.([]byte)
		return rest, nil
	}
	alone := proto.CloneOf(plan)
	alone.RequestId = ""
	rest, err := proto.Marshal(alone)
	if err != nil {
		return nil, fmt.Errorf("encode a plan: %w", err)
	}
	if digest == "" || len(rest) > maxPlanInCache {
		return rest, nil
	}
	if p.count.Add(1) > maxPlans {
		p.encoded.Clear()
		p.count.Store(1)
	}
	p.encoded.Store(digest, rest)
	return rest, nil
}
