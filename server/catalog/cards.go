package catalog

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"buf.build/go/protovalidate"
	"buf.build/go/protoyaml"
	"google.golang.org/protobuf/proto"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
)

//go:embed cards.yaml
var embedded []byte

// Cards are the model cards: those of the configuration, then the embedded ones.
type Cards struct {
	version string
	cards   []compiled
}

// compiled is a card with its patterns ready to match.
type compiled struct {
	card     *configv1.ModelCard
	patterns []pattern
}

// NewCards compiles the embedded cards behind those of the configuration.
func NewCards(configured []*configv1.ModelCard) (*Cards, error) {
	var list configv1.ModelCards
	read := protoyaml.UnmarshalOptions{Path: "cards.yaml", Validator: rules{}}
	if err := read.Unmarshal(embedded, &list); err != nil {
		return nil, fmt.Errorf("embedded model cards: %w", err)
	}
	cards := &Cards{version: list.GetVersion()}
	for _, card := range slices.Concat(configured, list.GetCards()) {
		one := compiled{card: card}
		for _, match := range card.GetMatch() {
			one.patterns = append(one.patterns, compile(match))
		}
		cards.cards = append(cards.cards, one)
	}
	return cards, nil
}

// Version is the version of the embedded cards.
func (c *Cards) Version() string { return c.version }

// Find returns the first card that holds for a model of a provider type, or nil.
func (c *Cards) Find(providerType, model string) *configv1.ModelCard {
	for i := range c.cards {
		if c.cards[i].holds(providerType, model) {
			return c.cards[i].card
		}
	}
	return nil
}

func (c *compiled) holds(providerType, model string) bool {
	if types := c.card.GetProviderTypes(); len(types) > 0 && !slices.Contains(types, providerType) {
		return false
	}
	return slices.ContainsFunc(c.patterns, func(p pattern) bool { return p.matches(model) })
}

// pattern is a name in which "*" stands for any characters: the texts between the
// stars.
type pattern []string

func compile(text string) pattern { return strings.Split(text, "*") }

// matches takes the shortest fit of every text between two stars, which leaves the
// most to those behind it; so no way back is ever needed.
func (p pattern) matches(name string) bool {
	if len(p) == 1 {
		return name == p[0]
	}
	first, last := p[0], p[len(p)-1]
	rest, ok := strings.CutPrefix(name, first)
	if !ok {
		return false
	}
	for _, middle := range p[1 : len(p)-1] {
		if _, rest, ok = strings.Cut(rest, middle); !ok {
			return false
		}
	}
	return strings.HasSuffix(rest, last)
}

// rules are the rules of the proto.
type rules struct{}

// Validate is protovalidate's, without its options.
func (rules) Validate(message proto.Message) error { return protovalidate.Validate(message) }
