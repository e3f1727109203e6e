package service

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	modelsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/models/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/auth"
	"github.com/signalbox-ai/signalbox/server/call"
	"github.com/signalbox-ai/signalbox/server/catalog"
	"github.com/signalbox-ai/signalbox/server/plan"
)

// ModelsDeps is what Models needs. All members are required.
type ModelsDeps struct {
	// Catalog has the models.
	Catalog *catalog.Catalog
}

// Models is ModelsService.
type Models struct {
	modelsv1.UnimplementedModelsServiceServer

	catalog *catalog.Catalog
}

// NewModels returns ModelsService.
func NewModels(deps ModelsDeps) *Models { return &Models{catalog: deps.Catalog} }

// ListModels lists the models and routes that the caller may use.
func (m *Models) ListModels(ctx context.Context, req *modelsv1.ListModelsRequest) (*modelsv1.ListModelsResponse, error) {
	snapshot := m.catalog.Snapshot()
	if req.GetProvider() != "" && !snapshot.Instance(req.GetProvider()) {
		missing := failure.New(commonv1.ErrorReason_ERROR_REASON_PROVIDER_NOT_FOUND, "There is no provider of this name.")
		missing.Param = "provider"
		return nil, missing
	}
	principal, list := call.From(ctx).Principal, &modelsv1.ListModelsResponse{}
	for _, model := range snapshot.Models() {
		if _, hidden := snapshot.Route(model.GetId()); hidden {
			continue
		}
		having := usable(principal, snapshot.Having(model.GetId()), req.GetProvider())
		if len(having) > 0 && able(having[0].Card.GetCapabilities(), req.GetCapability()) {
			list.Data = append(list.Data, proto.CloneOf(catalog.Merge(having)))
		}
	}
	for _, route := range snapshot.Routes() {
		behind := usableBehind(principal, snapshot, route, req.GetProvider())
		if len(behind) == 0 {
			continue
		}
		if entry := catalog.MergeRoute(route.GetName(), behind); able(entry.GetCapabilities(), req.GetCapability()) {
			list.Data = append(list.Data, entry)
		}
	}
	slices.SortFunc(list.Data, func(a, b *modelsv1.Model) int { return cmp.Compare(a.GetId(), b.GetId()) })
	return list, nil
}

// GetModel returns one model or route, if the caller may use it.
func (m *Models) GetModel(ctx context.Context, req *modelsv1.GetModelRequest) (*modelsv1.GetModelResponse, error) {
	snapshot := m.catalog.Snapshot()
	if snapshot.Empty() {
		return nil, failure.New(commonv1.ErrorReason_ERROR_REASON_CATALOG_EMPTY, "No provider has told its models yet.")
	}
	// REST's pattern "{model=*/**}" reads a single segment as one and an empty rest.
	name := strings.TrimSuffix(req.GetModel(), "/")
	if route, ok := snapshot.Route(name); ok {
		behind := usableBehind(call.From(ctx).Principal, snapshot, route, "")
		if len(behind) == 0 {
			return nil, noModel()
		}
		return &modelsv1.GetModelResponse{Model: catalog.MergeRoute(name, behind)}, nil
	}
	having := usable(call.From(ctx).Principal, plan.Find(snapshot, name), "")
	if len(having) == 0 {
		return nil, noModel()
	}
	model := proto.CloneOf(catalog.Merge(having))
	model.Id = name // "provider/model" is its name too, for who asks so
	return &modelsv1.GetModelResponse{Model: model}, nil
}

func noModel() error {
	missing := failure.New(commonv1.ErrorReason_ERROR_REASON_MODEL_NOT_FOUND, "There is no such model, or the key may not use it.")
	missing.Param = "model"
	return missing
}

// usable are those of a model's instances that a principal may use; only that of
// one provider, if one is named. A call without a principal may use none.
func usable(principal *call.Principal, having []catalog.Model, provider string) []catalog.Model {
	if principal == nil {
		return nil
	}
	var list []catalog.Model
	for _, model := range having {
		if (provider == "" || model.Provider == provider) && auth.Allows(principal, model.Provider, model.ID) {
			list = append(list, model)
		}
	}
	return list
}

// usableBehind are the models that a route stands for; only those of one provider, if
// one is named. There are none for who may use neither the route nor all its targets.
func usableBehind(principal *call.Principal, snapshot *catalog.Snapshot, route *configv1.Route, provider string) []catalog.Model {
	if principal == nil {
		return nil
	}
	named := auth.AllowsRoute(principal, route.GetName())
	var list []catalog.Model
	for _, target := range route.GetTargets() {
		having := plan.Find(snapshot, target.GetModel())
		if len(having) > 0 && !named {
			if having = usable(principal, having, ""); len(having) == 0 {
				return nil
			}
		}
		for _, model := range having {
			if provider == "" || model.Provider == provider {
				list = append(list, model)
			}
		}
	}
	return list
}

// able says whether an ability is among the known ones; the unspecified one always is.
func able(known []modelsv1.Capability, capability modelsv1.Capability) bool {
	return capability == modelsv1.Capability_CAPABILITY_UNSPECIFIED || slices.Contains(known, capability)
}
