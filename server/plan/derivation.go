package plan

import (
	"fmt"
	"slices"
	"strings"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	modelsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/models/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	policyv1 "github.com/signalbox-ai/signalbox/gen/signalbox/policy/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/auth"
	"github.com/signalbox-ai/signalbox/server/call"
	"github.com/signalbox-ai/signalbox/server/catalog"
	"github.com/signalbox-ai/signalbox/server/objects"
)

type capability = modelsv1.Capability

// derivation is the plan of a call of a model, in the making.
type derivation struct {
	planner  *Planner
	plan     *planv1.ExecutionPlan
	question Question
	asked    asked
	snapshot *catalog.Snapshot
	route    *route // nil: the selector names none

	earlier objects.Earlier // what a response goes on from

	allowed bool    // the key names the route
	weights []int64 // of the targets taken, where the route spreads by weight
	input   int64   // inputBytes, once it is known
}

// find takes and rejects candidates.
func (d *derivation) find() error {
	if d.snapshot.Empty() {
		return failure.New(commonv1.ErrorReason_ERROR_REASON_CATALOG_EMPTY,
			"No provider has told its models yet, so no model can be found.")
	}
	if d.route != nil {
		return d.follow()
	}
	found, err := find(d.snapshot, d.plan.GetRequested())
	if err != nil {
		return err
	}
	if silent := unheard(d.snapshot, d.plan.GetRequested()); len(found) == 0 && silent != "" {
		return notTold(silent)
	}
	for _, model := range found {
		d.consider(model, "")
	}
	return nil
}

// follow considers the targets of the route, in order.
func (d *derivation) follow() error {
	d.input = -1
	if pinned := d.plan.GetRequested().GetProvider(); pinned != "" && !d.snapshot.Instance(pinned) {
		return noProvider(pinned)
	}
	config, principal := d.route.config, d.question.Principal
	d.allowed = principal == nil || auth.AllowsRoute(principal, config.GetName())
	silent := ""
	for _, target := range config.GetTargets() {
		selector := &planv1.RequestedSelector{Model: target.GetModel()}
		found, err := find(d.snapshot, selector)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			if name := unheard(d.snapshot, selector); silent == "" {
				silent = name
			}
			d.reject(d.missing(target.GetModel()), planv1.RejectionReason_REJECTION_REASON_NO_MODEL, "No provider has this model.")
			continue
		}
		taken, unmet := d.taken(), d.unmet(target.GetWhen())
		for _, model := range found {
			d.consider(model, unmet)
		}
		if config.GetStrategy() == configv1.RouteStrategy_ROUTE_STRATEGY_WEIGHTED {
			d.weigh(target, taken)
		}
	}
	if d.taken() == 0 && silent != "" && allOf(d.plan.GetRejected(), planv1.RejectionReason_REJECTION_REASON_NO_MODEL) {
		return notTold(silent)
	}
	d.spread()
	return nil
}

// missing is a target that nobody has.
func (d *derivation) missing(selector string) *planv1.Target {
	target := &planv1.Target{Model: selector, Alias: d.route.config.GetName()}
	if named, model := instances(d.snapshot, selector); len(named) == 1 {
		target.Provider, target.Model = named[0], model
	}
	return target
}

// consider takes a model, or says why not. unmet is the condition that keeps it out.
func (d *derivation) consider(model catalog.Model, unmet string) {
	instance := d.planner.params.Instances[model.Provider]
	target := &planv1.Target{
		Provider:       model.Provider,
		ProviderType:   model.ProviderType,
		Model:          model.ID,
		Alias:          d.route.name(),
		SameDialect:    instance.SameDialect,
		ParameterRules: model.Card.GetParameterRules(),
		Emulated:       d.asked.emulated(instance),
	}
	if target.GetEmulated() && d.asked.work.native != nil {
		target.SameDialect = false
	}
	if instance.Losses != nil {
		target.Losses = instance.Losses(d.asked.params, target)
	}
	principal, pinned, known := d.question.Principal, d.plan.GetRequested().GetProvider(), model.Card.GetCapabilities()
	switch {
	case d.has(target):
	case principal != nil && !d.allowed && !auth.Allows(principal, model.Provider, model.ID):
		d.reject(target, planv1.RejectionReason_REJECTION_REASON_NOT_ALLOWED, "The key may not use this model.")
	case pinned != "" && pinned != model.Provider:
		d.reject(target, planv1.RejectionReason_REJECTION_REASON_CONDITION, "The call names another provider.")
	case unmet != "":
		d.reject(target, planv1.RejectionReason_REJECTION_REASON_CONDITION, unmet)
	case !d.asked.work.done(instance) || len(known) > 0 && !slices.Contains(known, d.asked.work.ability):
		d.reject(target, planv1.RejectionReason_REJECTION_REASON_NO_CAPABILITY, "The model "+d.asked.work.not+".")
	case d.elsewhere(target):
		d.reject(target, planv1.RejectionReason_REJECTION_REASON_CONDITION, "What the request goes on from is kept by another provider.")
	case d.plan.GetStrict() && len(target.GetLosses()) > 0:
		d.reject(target, planv1.RejectionReason_REJECTION_REASON_LOSSY, fmt.Sprintf("It cannot carry %q as it is asked.", target.GetLosses()[0].GetField()))
	case d.plan.GetTarget() == nil:
		d.plan.Target = target
	default:
		d.plan.Fallbacks = append(d.plan.Fallbacks, target)
	}
}

func (d *derivation) reject(target *planv1.Target, reason planv1.RejectionReason, detail string) {
	d.plan.Rejected = append(d.plan.Rejected, &planv1.RejectedTarget{Target: target, Reason: reason, Detail: detail})
}

// taken is how many targets there are.
func (d *derivation) taken() int {
	if d.plan.GetTarget() == nil {
		return 0
	}
	return 1 + len(d.plan.GetFallbacks())
}

// has says whether a target is taken already.
func (d *derivation) has(target *planv1.Target) bool {
	same := func(other *planv1.Target) bool {
		return other.GetProvider() == target.GetProvider() && other.GetModel() == target.GetModel()
	}
	return d.plan.GetTarget() != nil && (same(d.plan.GetTarget()) || slices.ContainsFunc(d.plan.GetFallbacks(), same))
}

// weigh gives what was taken since then the weight of its target of the route: the first
// of several instances stands for all of them.
func (d *derivation) weigh(target *configv1.RouteTarget, before int) {
	weight := int64(1)
	if target.Weight != nil {
		weight = int64(target.GetWeight())
	}
	for range d.taken() - before {
		d.weights = append(d.weights, weight)
		weight = 0
	}
}

// spread draws which target is first; the others stay in their order.
func (d *derivation) spread() {
	if len(d.weights) < 2 {
		return
	}
	if first := draw(d.weights, d.question.RequestID); first > 0 {
		targets := append([]*planv1.Target{d.plan.GetTarget()}, d.plan.GetFallbacks()...)
		d.plan.Target = targets[first]
		d.plan.Fallbacks = slices.Delete(targets, first, first+1)
	}
}

// goesOnFrom finds where what a response goes on from is kept.
func (d *derivation) goesOnFrom() (err error) {
	params, ok := d.asked.params.(*responsesv1.ResponseParams)
	if !ok {
		return nil
	}
	owner, raw := "/", true
	if principal := d.question.Principal; principal != nil {
		owner, raw = principal.Owner, principal.Holds(policyv1.Scope_SCOPE_RAW_IDS)
	}
	d.earlier, err = d.planner.params.Objects.Find(params, owner, raw)
	return err
}

// elsewhere says whether what the request goes on from is kept where the target cannot
// see it.
func (d *derivation) elsewhere(target *planv1.Target) bool {
	switch {
	case !d.earlier.Kept || d.earlier.Local():
		return false
	case d.earlier.Instance == "":
		return target.GetEmulated() // a provider's own id: its instance is not known
	default:
		return target.GetEmulated() || d.earlier.Instance != target.GetProvider()
	}
}

// name is the route's name. Empty: there is none.
func (r *route) name() string {
	if r == nil {
		return ""
	}
	return r.config.GetName()
}

// features is what of the RPC's policy is in force for this call.
func (d *derivation) features() []policyv1.Feature {
	var features []policyv1.Feature
	for _, feature := range d.question.Policy.GetFeatures() {
		if d.inForce(feature) {
			features = append(features, feature)
		}
	}
	if d.asked.stream {
		features = append(features, policyv1.Feature_FEATURE_STREAMING)
		slices.Sort(features)
	}
	return features
}

func (d *derivation) inForce(feature policyv1.Feature) bool {
	switch feature {
	case policyv1.Feature_FEATURE_ALIASES:
		return d.route != nil
	case policyv1.Feature_FEATURE_PATCHING:
		return d.patches(d.plan.GetTarget()) || slices.ContainsFunc(d.plan.GetFallbacks(), d.patches)
	case policyv1.Feature_FEATURE_STORAGE:
		return d.keptHere(d.plan.GetTarget()) || slices.ContainsFunc(d.plan.GetFallbacks(), d.keptHere)
	default:
		return true
	}
}

// keptHere says whether the gateway must keep what a target answers.
func (d *derivation) keptHere(target *planv1.Target) bool {
	return target != nil && d.asked.keptHere(d.planner.params.Instances[target.GetProvider()])
}

// patches says whether the request must change on its way to a target.
func (d *derivation) patches(target *planv1.Target) bool {
	return len(target.GetParameterRules()) > 0 || d.asked.stream && d.planner.params.Instances[target.GetProvider()].StreamUsage
}

// nobody is why nothing can take the call: the candidate that came nearest says it.
func (d *derivation) nobody() error {
	failed := &failure.Error{Param: "model"}
	model := call.Cut(d.plan.GetRequested().GetModel(), 128)
	nearest := &planv1.RejectedTarget{}
	for _, rejected := range d.plan.GetRejected() {
		if nearness(rejected.GetReason()) > nearness(nearest.GetReason()) {
			nearest = rejected
		}
	}
	switch nearest.GetReason() {
	case planv1.RejectionReason_REJECTION_REASON_LOSSY:
		lost := nearest.GetTarget().GetLosses()[0]
		failed.Reason, failed.Param = commonv1.ErrorReason_ERROR_REASON_LOSSY_TRANSLATION, lost.GetField()
		failed.Message = fmt.Sprintf("No provider of the model %q can carry %q as it is asked: %s", model, lost.GetField(), sentence(lost.GetDetail()))
	case planv1.RejectionReason_REJECTION_REASON_NOT_ALLOWED:
		failed.Reason = commonv1.ErrorReason_ERROR_REASON_MODEL_NOT_ALLOWED
		failed.Message = fmt.Sprintf("The key may not use the model %q.", model)
	case planv1.RejectionReason_REJECTION_REASON_CONDITION:
		if d.route == nil && d.elsewhere(nearest.GetTarget()) {
			failed.Reason, failed.Param = commonv1.ErrorReason_ERROR_REASON_SELECTOR_CONFLICT, d.earlier.Param
			failed.Message = fmt.Sprintf("What %q names is kept by another provider than the model's.", d.earlier.Param)
			break
		}
		failed.Reason = commonv1.ErrorReason_ERROR_REASON_UNSUPPORTED_OPERATION
		failed.Message = fmt.Sprintf("No target of the route %q is for such a request.", model)
	case planv1.RejectionReason_REJECTION_REASON_NO_CAPABILITY:
		failed.Reason = commonv1.ErrorReason_ERROR_REASON_UNSUPPORTED_OPERATION
		failed.Message = fmt.Sprintf("The model %q %s.", model, d.asked.work.not)
	default:
		failed.Reason = commonv1.ErrorReason_ERROR_REASON_MODEL_NOT_FOUND
		failed.Message = fmt.Sprintf("The model %q does not exist here, or no provider has it.", model)
	}
	return failed
}

// nearness is how far a candidate came.
func nearness(reason planv1.RejectionReason) int {
	return slices.Index([]planv1.RejectionReason{
		planv1.RejectionReason_REJECTION_REASON_NO_MODEL,
		planv1.RejectionReason_REJECTION_REASON_NOT_ALLOWED,
		planv1.RejectionReason_REJECTION_REASON_CONDITION,
		planv1.RejectionReason_REJECTION_REASON_NO_CAPABILITY,
		planv1.RejectionReason_REJECTION_REASON_LOSSY,
	}, reason)
}

// sentence ends what is said with a full stop.
func sentence(text string) string { return strings.TrimSuffix(text, ".") + "." }

func allOf(rejected []*planv1.RejectedTarget, reason planv1.RejectionReason) bool {
	return !slices.ContainsFunc(rejected, func(r *planv1.RejectedTarget) bool { return r.GetReason() != reason })
}

// notTold is why nothing is known of a provider's models.
func notTold(provider string) error {
	return &failure.Error{
		Reason:  commonv1.ErrorReason_ERROR_REASON_CATALOG_EMPTY,
		Message: fmt.Sprintf("The provider %q has not told its models yet.", provider),
		Param:   "model",
	}
}
