// Package auth turns the credential of a call into its principal. It knows the
// keys of the configuration and nothing of models, providers or transports.
package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	policyv1 "github.com/signalbox-ai/signalbox/gen/signalbox/policy/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/call"
	"github.com/signalbox-ai/signalbox/server/config"
)

// The names of the principals that no key of the configuration stands for.
const (
	// Master is the principal of the master key.
	Master = "master"
	// Anonymous is everybody, where no key is configured.
	Anonymous = "anonymous"
)

// Params is what Auth is made from.
type Params struct {
	// MasterKey is the key that may do everything. Not set: there is none.
	MasterKey config.Secret
	// Keys are the keys of the configuration, its defaults set.
	Keys []*configv1.Key
	// Providers are the configured providers; they tell "provider/model" from a
	// model whose name has a slash.
	Providers []*configv1.Provider
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// Auth knows the keys. Safe for concurrent use.
type Auth struct {
	byHash map[[sha256.Size]byte]*entry
	byName map[string]*call.Principal
	open   bool
	// nobody is what an unknown credential is compared with, so that a miss takes the
	// way of a hit. No text has a hash of zeros.
	nobody entry
	now    func() time.Time
}

// entry is a key: the hash of its secret and who it stands for.
type entry struct {
	hash      [sha256.Size]byte
	principal *call.Principal
}

// New returns an Auth. It fails when a key is malformed, which config.Load refuses
// already.
func New(params Params) (*Auth, error) {
	a := &Auth{byHash: map[[sha256.Size]byte]*entry{}, byName: map[string]*call.Principal{}, now: params.Now}
	if a.now == nil {
		a.now = time.Now
	}
	for _, key := range params.Keys {
		hash, err := hex.DecodeString(key.GetSha256())
		if err != nil || len(hash) != sha256.Size {
			return nil, fmt.Errorf("key %q: sha256 must be 64 hexadecimal digits", key.GetName())
		}
		if err := a.add([sha256.Size]byte(hash), principalOf(key, params.Providers)); err != nil {
			return nil, err
		}
	}
	if params.MasterKey.IsSet() {
		master := &call.Principal{Name: Master, Owner: "/", All: true}
		if err := a.add(sha256.Sum256([]byte(params.MasterKey.Reveal())), master); err != nil {
			return nil, err
		}
	}
	if a.open = len(a.byHash) == 0; a.open {
		a.byName[Anonymous] = &call.Principal{Name: Anonymous, Owner: "/", All: true}
	}
	return a, nil
}

func (a *Auth) add(hash [sha256.Size]byte, principal *call.Principal) error {
	if _, taken := a.byHash[hash]; taken {
		return fmt.Errorf("key %q: its secret is that of another key", principal.Name)
	}
	if _, taken := a.byName[principal.Name]; taken {
		return fmt.Errorf("key %q: another key has this name", principal.Name)
	}
	a.byHash[hash] = &entry{hash: hash, principal: principal}
	a.byName[principal.Name] = principal
	return nil
}

func principalOf(key *configv1.Key, configured []*configv1.Provider) *call.Principal {
	principal := &call.Principal{
		Name:          key.GetName(),
		Owner:         key.GetOwner(),
		Scopes:        slices.Sorted(slices.Values(key.GetScopes())),
		AllowedModels: qualify(key.GetAllowedModels(), configured),
		Strict:        key.GetStrict(),
	}
	if key.GetExpireTime() != nil {
		principal.Expires = key.GetExpireTime().AsTime()
	}
	return principal
}

// Principal returns the principal of a public name: that of a key, "master", or
// "anonymous" where no key is configured. Expired keys have theirs too.
func (a *Auth) Principal(name string) (*call.Principal, bool) {
	principal, ok := a.byName[name]
	return principal, ok
}

// Step consumes the credential of a call and sets its principal, or refuses. A
// call that reached no RPC is never refused here: it fails by itself, and its
// record names the principal if there is one.
func (a *Auth) Step() call.Step {
	return call.Step{Name: "auth", Open: func(_ context.Context, c *call.Call) error {
		if c.Entrance == auditv1.Entrance_ENTRANCE_BACKGROUND {
			return authorized(c) // it came in with another call, whose principal it has
		}
		credential := c.Credential
		c.Credential = ""
		principal, refusal := a.authenticate(credential)
		c.Principal = principal // of a refused call, too: its record says whose it was
		switch {
		case c.Policy == nil:
			return nil
		case refusal != nil:
			return refusal
		default:
			return authorized(c)
		}
	}}
}

// authorized says whether the call's principal may use its RPC.
func authorized(c *call.Call) error {
	if !c.Principal.Holds(c.Policy.GetScope()) {
		return missing(c.Policy.GetScope())
	}
	return nil
}

// authenticate returns who a credential stands for, or why it stands for nobody.
func (a *Auth) authenticate(credential string) (*call.Principal, *failure.Error) {
	switch {
	case a.open:
		return a.byName[Anonymous], nil
	case credential == "":
		return nil, failure.New(commonv1.ErrorReason_ERROR_REASON_CREDENTIALS_MISSING,
			"No API key came with the call. Send it in the header: Authorization: Bearer <key>.")
	case len(credential) > config.MaxTokenLength:
		return nil, invalid()
	}
	hash := sha256.Sum256([]byte(credential))
	found, ok := a.byHash[hash]
	if !ok {
		found = &a.nobody
	}
	if subtle.ConstantTimeCompare(hash[:], found.hash[:]) != 1 {
		return nil, invalid()
	}
	if expires := found.principal.Expires; !expires.IsZero() && !a.now().Before(expires) {
		return nil, failure.New(commonv1.ErrorReason_ERROR_REASON_KEY_EXPIRED, "The API key has expired.")
	}
	return found.principal, nil
}

// invalid is the one answer to credentials that are unknown or malformed.
func invalid() *failure.Error {
	return failure.New(commonv1.ErrorReason_ERROR_REASON_CREDENTIALS_INVALID, "The API key is not known.")
}

func missing(scope policyv1.Scope) *failure.Error {
	return failure.New(commonv1.ErrorReason_ERROR_REASON_SCOPE_MISSING,
		"The API key lacks the scope "+scope.String()+", which this call needs. A key of the configuration has those of its auth.keys[].scopes.")
}
