package catalog

import (
	"cmp"
	"slices"

	"google.golang.org/protobuf/proto"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	modelsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/models/v1"
)

// Model is a model at one provider instance. Its messages are shared: read-only.
type Model struct {
	// Provider is the instance.
	Provider string
	// ProviderType is the instance's type.
	ProviderType string
	// ID is the model, as the provider names it.
	ID string
	// Card is what is known of its family. Nil: nothing.
	Card *configv1.ModelCard
	// Info is the model as ModelsService shows it, of this instance alone.
	Info *modelsv1.Model
	// Stale says that the provider could not be asked lately.
	Stale bool
}

// Snapshot is what is known of the models at one time. Immutable.
type Snapshot struct {
	version    uint64
	instances  []string
	byInstance map[string]map[string]*Model
	byType     map[string][]string
	byModel    map[string][]Model
	models     []*modelsv1.Model
	routes     *routes
}

// newSnapshot combines what the sources have. Models that the last snapshot has
// alike are taken over from it.
func newSnapshot(version uint64, sources []*source, cards *Cards, routes *routes, last *Snapshot) *Snapshot {
	s := &Snapshot{
		version:    version,
		routes:     routes,
		byInstance: make(map[string]map[string]*Model, len(sources)),
		byType:     make(map[string][]string, len(sources)),
	}
	for _, src := range sources {
		name, typ := src.config.GetName(), src.config.GetType()
		s.instances = append(s.instances, name)
		s.byType[typ] = append(s.byType[typ], name)
		s.byInstance[name] = modelsOf(src, cards, last)
	}
	s.index()
	return s
}

// modelsOf are the models of one instance: those that it told, and those that the
// configuration gives it.
func modelsOf(src *source, cards *Cards, last *Snapshot) map[string]*Model {
	models := make(map[string]*Model, len(src.list)+len(src.config.GetModels()))
	for _, told := range src.list {
		models[told.GetId()] = src.model(told, src.stale(), cards, last)
	}
	for _, id := range src.config.GetModels() {
		told := &modelsv1.Model{Id: id}
		if known := models[id]; known != nil {
			told = known.Info
		}
		models[id] = src.model(told, false, cards, last)
	}
	return models
}

// model is a model of this instance, with what its card says.
func (s *source) model(told *modelsv1.Model, stale bool, cards *Cards, last *Snapshot) *Model {
	model := &Model{
		Provider:     s.config.GetName(),
		ProviderType: s.config.GetType(),
		ID:           told.GetId(),
		Stale:        stale,
	}
	if before, ok := last.find(model.Provider, model.ID); ok {
		model.Card = before.Card
	} else {
		model.Card = cards.Find(model.ProviderType, model.ID)
	}
	model.Info = proto.CloneOf(told)
	model.Info.Providers = []string{model.Provider}
	model.Info.Stale = stale
	model.Info.Capabilities = model.Card.GetCapabilities()
	if model.Card != nil {
		model.Info.ContextWindow = model.Card.ContextWindow
		model.Info.MaxOutputTokens = model.Card.MaxOutputTokens
	}
	return model
}

// index makes what is looked up by the model's name.
func (s *Snapshot) index() {
	s.byModel = make(map[string][]Model)
	for _, instance := range s.instances {
		for id, model := range s.byInstance[instance] {
			s.byModel[id] = append(s.byModel[id], *model)
		}
	}
	s.models = make([]*modelsv1.Model, 0, len(s.byModel))
	for _, having := range s.byModel {
		s.models = append(s.models, Merge(having))
	}
	slices.SortFunc(s.models, byID)
}

// Merge is the entry of a model that several instances have: what the first one
// says, with the names of all. It is stale when all of them are.
func Merge(having []Model) *modelsv1.Model {
	if len(having) == 1 {
		return having[0].Info
	}
	merged := proto.CloneOf(having[0].Info)
	merged.Providers = make([]string, 0, len(having))
	merged.Stale = true
	for _, model := range having {
		merged.Providers = append(merged.Providers, model.Provider)
		merged.Stale = merged.GetStale() && model.Stale
	}
	return merged
}

func byID(a, b *modelsv1.Model) int { return cmp.Compare(a.GetId(), b.GetId()) }

// Version changes when the snapshot does.
func (s *Snapshot) Version() uint64 { return s.version }

// Empty says that no provider has told any model and none is configured.
func (s *Snapshot) Empty() bool { return len(s.models) == 0 }

// Instance says whether there is a provider instance of this name.
func (s *Snapshot) Instance(name string) bool {
	_, ok := s.byInstance[name]
	return ok
}

// InstancesOf returns the instances of a type, in the order of the configuration.
// Read-only.
func (s *Snapshot) InstancesOf(typ string) []string { return s.byType[typ] }

// Find returns a model of an instance.
func (s *Snapshot) Find(instance, model string) (Model, bool) { return s.find(instance, model) }

func (s *Snapshot) find(instance, model string) (Model, bool) {
	if s == nil {
		return Model{}, false
	}
	found, ok := s.byInstance[instance][model]
	if !ok {
		return Model{}, false
	}
	return *found, true
}

// Having returns the model at every instance that has it, in the order of the
// configuration. Read-only.
func (s *Snapshot) Having(model string) []Model { return s.byModel[model] }

// Told says whether any model of an instance is known: it has told its list, or the
// configuration has.
func (s *Snapshot) Told(instance string) bool { return len(s.byInstance[instance]) > 0 }

// Models returns every model once, by id, as ModelsService shows it to who may use
// all. Read-only.
func (s *Snapshot) Models() []*modelsv1.Model { return s.models }
