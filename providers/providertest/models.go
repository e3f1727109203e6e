package providertest

import (
	"net/http"
	"strings"
)

// known is a model, and the name that replies carry: at OpenAI a dated one.
type known struct{ id, dated string }

// modelsCreated is the `created` of all models and replies: fixed, so that equal
// requests get equal replies.
const modelsCreated = 1769092764

// modelList is what an upstream has.
type modelList struct {
	ids   []string
	dated map[string]string
}

// newModelList returns a list of the ids; nil: of the usual models.
func newModelList(ids []string, usual []known) *modelList {
	l := &modelList{dated: map[string]string{}}
	if ids == nil {
		for _, m := range usual {
			l.add(m.id, m.dated)
			if m.dated != m.id {
				l.add(m.dated, m.dated)
			}
		}
		return l
	}
	for _, id := range ids {
		l.add(id, id)
	}
	return l
}

// add adds a model and the name that replies carry.
func (l *modelList) add(id, dated string) {
	l.ids = append(l.ids, id)
	l.dated[id] = dated
}

// find returns the name that replies carry. Models whose name is a marker are
// known, too.
func (l *modelList) find(id string) (string, bool) {
	if strings.HasPrefix(id, faultPrefix) || strings.HasPrefix(id, replayPrefix) {
		return id, true
	}
	dated, ok := l.dated[id]
	return dated, ok
}

// reasons says whether a model is one that thinks first, and refuses what steers
// sampling.
func reasons(model string) bool {
	switch {
	case strings.HasSuffix(model, "-chat-latest"):
		return false
	case strings.HasPrefix(model, "o1"), strings.HasPrefix(model, "o3"), strings.HasPrefix(model, "o4"),
		strings.HasPrefix(model, "gpt-5"):
		return true
	default:
		return false
	}
}

// listModels answers for the list of models.
func (x *exchange) listModels(_ []byte, _ bool) answer {
	return x.scripted(func() answer { return x.value(x.up.profile.list(x.up.models.ids)) })
}

// oneModel answers for a model.
func (x *exchange) oneModel(_ []byte, _ bool) answer {
	if _, ok := x.up.models.dated[x.ids[0]]; !ok {
		return x.refuse(noModel(x.ids[0]))
	}
	return x.scripted(func() answer { return x.value(x.up.profile.model(x.ids[0])) })
}

// entry is a model as OpenAI's list shows it.
func entry(owner string) func(string) *node {
	return func(id string) *node {
		return obj("id", id, "object", "model", "created", modelsCreated, "owned_by", owner)
	}
}

// entries are a list of models.
func (p *profile) entries(ids []string) *node {
	all := list()
	for _, id := range ids {
		all.elems = append(all.elems, p.model(id))
	}
	return all
}

// noModel is the error for a model that is not there.
func noModel(id string) *APIError {
	e := defaultError(http.StatusNotFound)
	e.Message = "The model '" + id + "' does not exist, or this key has no access to it."
	return e
}
