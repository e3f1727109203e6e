// Package call follows one request through the gateway: what is known of it, the
// steps that every call passes, and what the RPCs declare of themselves. It is
// the vocabulary of the server; it imports no other part of it.
package call

import (
	"context"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	policyv1 "github.com/signalbox-ai/signalbox/gen/signalbox/policy/v1"
	usagev1 "github.com/signalbox-ai/signalbox/gen/signalbox/usage/v1"
	"github.com/signalbox-ai/signalbox/providers"
)

// Call is what the gateway knows of one request. The edge makes it, steps and
// service fill it in, in order; it is the only value that the gateway keeps in a
// context. One goroutine at a time uses it.
type Call struct {
	// ID is the call's own id, a UUIDv7: the key of its audit record.
	ID string
	// RequestID names the call for the client: the well-formed id that it sent,
	// else ID.
	RequestID string
	// Start is when the call arrived.
	Start time.Time
	// Entrance is where it came in.
	Entrance auditv1.Entrance
	// HTTPMethod is the HTTP method; "POST" for gRPC.
	HTTPMethod string
	// Path is the HTTP path without the query; for gRPC "/package.Service/Method".
	Path string
	// Client is who called.
	Client Client
	// Credential is the bearer token or API key that came with the call, until the
	// auth step has consumed it. Never log it.
	Credential string
	// TraceParent is the W3C traceparent that came with the call. Empty: none.
	TraceParent string
	// RequestHeader has the client's headers, for the audit record where the
	// configuration keeps them. Nil for gRPC calls without metadata. Read-only.
	RequestHeader map[string][]string

	// RPC is the RPC, "signalbox.chat.v1.ChatService/CreateChatCompletion". Empty
	// when no RPC was reached.
	RPC string
	// Policy is what the RPC declares. Nil when no RPC was reached.
	Policy *policyv1.MethodPolicy
	// Principal is who calls. Nil before the auth step, and when nobody is known by
	// the credential.
	Principal *Principal
	// Plan is the plan, as far as it could be made. Nil before the plan step.
	// Immutable.
	Plan *planv1.ExecutionPlan
	// Outcome is what came of it.
	Outcome Outcome
	// Edge is the state of the edge that the call came in at. Nobody else touches it.
	Edge any
	// More says that the reply's next message is here already, so that the one which
	// is being sent may wait for it on its way to the network.
	More bool

	run    run
	closes func()
}

// Client is where a call came from.
type Client struct {
	// Address is the IP address.
	Address string
	// UserAgent is the user agent, cut to 256 bytes.
	UserAgent string
}

// Outcome is what came of a call.
type Outcome struct {
	// Exchange has the upstream calls.
	Exchange providers.Exchange
	// Planned is when the plan was made. Zero: it was not.
	Planned time.Time
	// Admitted is when the call was let go to its provider. Zero: it was not.
	Admitted time.Time
	// FirstToken is when the first piece of the reply was there. Zero: never.
	FirstToken time.Time
	// Target is the one that answered, or whose failure the caller is told; while the
	// call is under way, the one that is asked. Nil: none was asked.
	Target *planv1.Target
	// Usage is what Target used. Nil: not known.
	Usage *usagev1.TokenUsage
	// Paid is what each upstream call of Exchange.Attempts used, those that failed
	// included: what the providers will bill. It may be shorter. Nil members: not known.
	Paid []*usagev1.TokenUsage
	// End is how the call ended. The service sets it when the reply itself says so;
	// else the chain does, from the error.
	End commonv1.CallEnd
	// Messages counts the reply's stream messages, for metrics.
	Messages int
}

// Principal is who a credential stands for. Immutable.
type Principal struct {
	// Name is the key's public id: "master", the key's name, or "anonymous" when
	// the gateway runs without keys.
	Name string
	// Owner is the owner path, "/team/alpha/bob". The master key's is "/".
	Owner string
	// Scopes is what it may do, ascending. SCOPE_ANY is held by all.
	Scopes []policyv1.Scope
	// All says that it may do everything, as the master key.
	All bool
	// AllowedModels are the selectors that it may use; "*" at the end stands for
	// anything. Empty: all.
	AllowedModels []string
	// Strict says that a call is refused when its provider cannot carry a field.
	Strict bool
	// Expires is when it stops working. Zero: never.
	Expires time.Time
}

// Holds says whether the principal has a scope.
func (p *Principal) Holds(scope policyv1.Scope) bool {
	return p.All || scope == policyv1.Scope_SCOPE_ANY || slices.Contains(p.Scopes, scope)
}

// New returns a call that arrives now. clientID is the x-request-id that the client
// sent; one that is not well-formed is ignored.
func New(entrance auditv1.Entrance, clientID string) *Call {
	c := &Call{Start: time.Now(), Entrance: entrance}
	c.ID = newID()
	c.RequestID = c.ID
	if wellFormed(clientID) {
		c.RequestID = clientID
	}
	return c
}

// newID is a UUIDv7; it fails only where the system has no randomness, and then
// the time alone must do.
func newID() string {
	id, err := uuid.NewV7()
	if err != nil {
		id = uuid.NewSHA1(uuid.Nil, []byte(time.Now().String()))
	}
	return id.String()
}

// wellFormed accepts 1 to 128 visible ASCII characters.
func wellFormed(id string) bool {
	if id == "" || len(id) > 128 {
		return false
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return false
		}
	}
	return true
}

// Cut is the start of text, at most n bytes of it, whole characters.
func Cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// OnClose names what must be let go when the edge is done with the call.
func (c *Call) OnClose(closes func()) { c.closes = closes }

// Close lets go what OnClose named. The edge calls it once, at the end.
func (c *Call) Close() {
	if c.closes != nil {
		c.closes()
	}
}

// Has says whether the plan lists a feature. What it does not list is not done.
func (c *Call) Has(feature policyv1.Feature) bool {
	return c.Plan != nil && slices.Contains(c.Plan.GetFeatures(), feature)
}

// Target is where the call went: as Outcome.Target, or before that the plan's first.
// Nil: it can go nowhere.
func (c *Call) Target() *planv1.Target {
	if c.Outcome.Target != nil {
		return c.Outcome.Target
	}
	return c.Plan.GetTarget()
}

// TypeOf is the type of a provider instance that the plan names. Empty: it does not.
func (c *Call) TypeOf(provider string) string {
	if first := c.Plan.GetTarget(); first.GetProvider() == provider {
		return first.GetProviderType()
	}
	for _, target := range c.Plan.GetFallbacks() {
		if target.GetProvider() == provider {
			return target.GetProviderType()
		}
	}
	return ""
}

// EachHeader yields what the reply says of the call beside its body: REST has it in
// response headers, gRPC in header metadata. Names are lower-case.
func (c *Call) EachHeader(yield func(name, value string)) {
	yield("x-request-id", c.RequestID)
	if digest := c.Plan.GetDigest(); digest != "" {
		yield("x-signalbox-plan", digest)
	}
	if target := c.Target(); target != nil {
		yield("x-signalbox-provider", target.GetProvider())
		yield("x-signalbox-model", target.GetModel())
		if len(target.GetLosses()) > 0 {
			yield("x-signalbox-loss", lossList(target.GetLosses()))
		}
	}
	for name, values := range c.Outcome.Exchange.Header {
		for _, value := range values {
			yield(lower(name), value)
		}
	}
}

// lower is the lower-case form of a canonical header name.
func lower(name string) string {
	b := []byte(name)
	for i, ch := range b {
		if 'A' <= ch && ch <= 'Z' {
			b[i] = ch + 'a' - 'A'
		}
	}
	return string(b)
}

// Info is the call's facts as replies carry them; see CallInfo.
func (c *Call) Info() *commonv1.CallInfo {
	target := c.Target()
	return &commonv1.CallInfo{
		RequestId:         c.RequestID,
		PlanDigest:        c.Plan.GetDigest(),
		Provider:          target.GetProvider(),
		ProviderType:      target.GetProviderType(),
		Model:             target.GetModel(),
		UpstreamRequestId: c.Outcome.Exchange.UpstreamRequestID,
		Attempts:          int32(len(c.Outcome.Exchange.Attempts)), //nolint:gosec // a call makes few attempts
		Losses:            target.GetLosses(),
		End:               c.Outcome.End,
		Usage:             c.Outcome.Usage,
	}
}

type key struct{}

// With returns a context that belongs to the call.
func With(ctx context.Context, c *Call) context.Context { return context.WithValue(ctx, key{}, c) }

// From returns the call that ctx belongs to, or nil.
func From(ctx context.Context) *Call {
	c, _ := ctx.Value(key{}).(*Call)
	return c
}
