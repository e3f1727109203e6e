package config

import (
	"fmt"
	"unicode/utf8"
)

// minIDKey is how many characters a key for ids has at least.
const minIDKey = 32

// settleObjects lifts the keys for ids out of the message.
func (l *loader) settleObjects(config *Config) {
	objects := config.Message.GetObjects()
	for i, key := range objects.GetIdKeys() {
		if utf8.RuneCountInString(key) < minIDKey {
			l.fail(fmt.Sprintf("objects.id_keys[%d]", i), "must have at least %d characters; make one with: openssl rand -hex 32", minIDKey)
		}
		config.IDKeys = append(config.IDKeys, NewSecret(key))
	}
	objects.IdKeys = nil
}
