package config

import (
	"crypto/sha256"
	"encoding/hex"

	"google.golang.org/protobuf/proto"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
)

// digest is SHA-256 in hexadecimal over the members that decide plans.
func digest(message *configv1.Config) string {
	decisive := &configv1.Config{
		Auth:      &configv1.Auth{},
		Providers: message.GetProviders(),
		Catalog:   &configv1.Catalog{Cards: message.GetCatalog().GetCards()},
		Upstream:  message.GetUpstream(),
		Routes:    message.GetRoutes(),
		Objects:   message.GetObjects(),
	}
	for _, key := range message.GetAuth().GetKeys() {
		decisive.Auth.Keys = append(decisive.Auth.Keys, &configv1.Key{
			Name:          key.GetName(),
			Scopes:        key.GetScopes(),
			Owner:         key.GetOwner(),
			AllowedModels: key.GetAllowedModels(),
			Strict:        key.GetStrict(),
		})
	}
	// The message is valid UTF-8 throughout, so encoding it cannot fail.
	encoded, _ := proto.MarshalOptions{Deterministic: true}.Marshal(decisive)
	sum := sha256.Sum256(encoded)
	return hex.EncodeToString(sum[:])
}
