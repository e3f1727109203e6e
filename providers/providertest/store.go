package providertest

import (
	"strconv"
	"sync"
)

// store is what an upstream keeps. Its mutex guards all that is in it.
type store struct {
	mu sync.Mutex
	// shelves are by key: what one key has made, no other one sees.
	shelves map[string]*shelf
	// made counts equal bodies that were kept, so that each gets an id of its own.
	made map[string]int
}

// shelf is what is kept for a key.
type shelf struct {
	responses     map[string]*keptResponse
	conversations map[string]*keptConversation
	completions   map[string]*keptCompletion
	// completed are the ids of the completions, oldest first.
	completed []string
	// items are those of responses and conversations.
	items map[string]*node
}

// newStore returns an empty one.
func newStore() *store {
	return &store{shelves: map[string]*shelf{}, made: map[string]int{}}
}

// locked calls a function with what is kept for a key.
func (s *store) locked(key string, do func(*shelf)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	own := s.shelves[key]
	if own == nil {
		own = &shelf{
			responses: map[string]*keptResponse{}, conversations: map[string]*keptConversation{},
			completions: map[string]*keptCompletion{}, items: map[string]*node{},
		}
		s.shelves[key] = own
	}
	do(own)
}

// seed is what the ids of something new are made from: the request, and for what is
// kept how many equal ones there were.
func (s *store) seed(key string, body []byte, kept bool) string {
	if !kept {
		return digest(key, string(body))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d := digest(key, string(body))
	s.made[d]++
	return digest(d, strconv.Itoa(s.made[d]))
}

// keep puts items where references find them.
func (s *shelf) keep(items []*node) {
	for _, item := range items {
		if id := item.get("id").str(); id != "" {
			s.items[id] = item
		}
	}
}
