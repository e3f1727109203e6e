package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	policyv1 "github.com/signalbox-ai/signalbox/gen/signalbox/policy/v1"
)

const (
	// MaxTokenLength is how many bytes a key may have: longer ones are refused
	// before anything is done with them.
	MaxTokenLength = 4096
	shortKey       = 16
)

// settleAuth lifts the master key out of the message and checks the keys.
func (l *loader) settleAuth(config *Config) {
	if config.Message.GetAuth() == nil {
		config.Message.Auth = &configv1.Auth{}
	}
	auth := config.Message.GetAuth()
	master := auth.GetMasterKey()
	auth.MasterKey = ""
	config.MasterKey = NewSecret(master)
	switch {
	case master == "":
	case len(master) > MaxTokenLength:
		l.fail("auth.master_key", "must have at most %d bytes", MaxTokenLength)
	case !visible(master):
		l.fail("auth.master_key", "must be visible ASCII characters; a header carries no others")
	case len(master) < shortKey:
		l.warn("The master key has fewer than %d characters. Make one with: openssl rand -hex 32", shortKey)
	}
	owners := map[string]string{}
	if master != "" {
		sum := sha256.Sum256([]byte(master))
		owners[hex.EncodeToString(sum[:])] = "the master key"
	}
	seen := map[string]bool{}
	for i, key := range auth.GetKeys() {
		path := fmt.Sprintf("auth.keys[%d]", i)
		if seen[key.GetName()] {
			l.fail(path+".name", "another key is named %q", key.GetName())
		}
		seen[key.GetName()] = true
		key.Sha256 = strings.ToLower(key.GetSha256())
		if owner, taken := owners[key.GetSha256()]; taken {
			l.fail(path+".sha256", "the secret is that of %s already", owner)
		}
		owners[key.GetSha256()] = fmt.Sprintf("key %q", key.GetName())
		l.settleKey(path, key)
	}
}

func (l *loader) settleKey(path string, key *configv1.Key) {
	if len(key.GetScopes()) == 0 {
		key.Scopes = []policyv1.Scope{policyv1.Scope_SCOPE_CHAT}
	}
	slices.Sort(key.Scopes)
	key.Scopes = slices.Compact(key.Scopes)
	if key.GetOwner() == "" {
		key.Owner = "/" + key.GetName()
	}
	for i, pattern := range key.GetAllowedModels() {
		member := fmt.Sprintf("%s.allowed_models[%d]", path, i)
		switch {
		case pattern == "":
			l.fail(member, "is empty")
		case strings.Contains(strings.TrimSuffix(pattern, "*"), "*"):
			l.fail(member, `"*" may only stand at the end`)
		}
	}
}

// visible says whether a text is made of visible ASCII characters alone.
func visible(text string) bool {
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}
