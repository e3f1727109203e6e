package providertest

import (
	"net/http"
	"strings"
)

// modelEntry is a model as the list shows it.
type modelEntry struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
}

// known is a model of OpenAI's, and the dated name that replies carry.
type known struct{ id, dated string }

// knownModels is a selection: plain ones, reasoning ones, and one each of those
// that tell apart what only few can do.
var knownModels = []known{
	{"gpt-4o", "gpt-4o-2024-08-06"},
	{"gpt-4o-mini", "gpt-4o-mini-2024-07-18"},
	{"gpt-4o-audio-preview", "gpt-4o-audio-preview-2025-06-03"},
	{"gpt-4.1", "gpt-4.1-2025-04-14"},
	{"gpt-4.1-mini", "gpt-4.1-mini-2025-04-14"},
	{"gpt-4.1-nano", "gpt-4.1-nano-2025-04-14"},
	{"gpt-3.5-turbo", "gpt-3.5-turbo-0125"},
	{"o3", "o3-2025-04-16"},
	{"o3-mini", "o3-mini-2025-01-31"},
	{"o4-mini", "o4-mini-2025-04-16"},
	{"gpt-5", "gpt-5-2025-08-07"},
	{"gpt-5-mini", "gpt-5-mini-2025-08-07"},
	{"gpt-5-nano", "gpt-5-nano-2025-08-07"},
	{"gpt-5-chat-latest", "gpt-5-chat-latest"},
	{"text-embedding-3-small", "text-embedding-3-small"},
}

// modelsCreated is the `created` of all models and replies: fixed, so that equal
// requests get equal replies.
const modelsCreated = 1769092764

// modelList is what an upstream has.
type modelList struct {
	entries []modelEntry
	dated   map[string]string
}

// newModelList returns a list of the ids, or the usual one.
func newModelList(ids []string) *modelList {
	l := &modelList{dated: map[string]string{}}
	if len(ids) == 0 {
		for _, m := range knownModels {
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
	l.entries = append(l.entries, modelEntry{ID: id, Object: "model", Created: modelsCreated, OwnedBy: "system"})
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

// list answers GET /v1/models.
func (l *modelList) list() answer {
	return jsonAnswer(http.StatusOK, indented(struct {
		Object string       `json:"object"`
		Data   []modelEntry `json:"data"`
	}{"list", l.entries}))
}

// one answers GET /v1/models/{id}.
func (l *modelList) one(id string) answer {
	for _, m := range l.entries {
		if m.ID == id {
			return jsonAnswer(http.StatusOK, indented(m))
		}
	}
	return errorAnswer(noModel(id))
}

// noModel is the error for a model that is not there.
func noModel(id string) *APIError {
	e := defaultError(http.StatusNotFound)
	e.Message = "The model '" + id + "' does not exist, or this key has no access to it."
	return e
}
