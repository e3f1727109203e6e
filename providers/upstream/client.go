// Package upstream is the one way to the providers: a client for each instance,
// with its keys bound to its base URL, timeouts, retries within a budget, a
// breaker for each model, and streams of server-sent events. What fails, fails with
// a *failure.Error that says why.
package upstream

import (
	"crypto/tls"
	"crypto/x509"
	"time"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
)

// Params is what a client is made from. All members are required but RootCAs.
type Params struct {
	// Name is the provider instance, named in errors.
	Name string
	// BaseURL is where the API is. Requests go nowhere else.
	BaseURL string
	// AllowHTTP takes `http` for hosts beyond loopback.
	AllowHTTP bool
	// HTTPVersion chooses the transport. Unspecified: by the URL's scheme.
	HTTPVersion configv1.HttpVersion
	// Upstream has the bounds. All its members are set.
	Upstream *configv1.Upstream
	// Credentials are the keys, at least one. Their labels differ.
	Credentials []Credential
	// Version is the gateway's own, for the user agent.
	Version string
	// RootCAs are whose certificates are believed. nil: those of the system.
	RootCAs *x509.CertPool
}

// Client calls one provider instance. Safe for concurrent use.
type Client struct {
	name      string
	base      base
	transport transport
	limits    limits
	keys      credentials
	secrets   []string // of all keys
	userAgent []string
	budget    budget
	breakers  breakers
}

// limits are configv1.Upstream in Go's terms.
type limits struct {
	maxAttempts int
	maxBackoff  time.Duration
	header      time.Duration
	firstEvent  time.Duration
	idle        time.Duration
	maxEvent    int
}

// New returns a client. It makes no network call. The error is a *failure.Error
// whose Param names the member of the provider's configuration that is wrong.
func New(p Params) (*Client, error) {
	b, err := parseBase(p.BaseURL, p.AllowHTTP)
	if err != nil {
		return nil, err
	}
	u := p.Upstream
	if u.MaxAttempts == nil || u.MaxEventBytes == nil || u.RetryBudgetPercent == nil || u.BreakerFailurePercent == nil {
		return nil, failure.New(commonv1.ErrorReason_ERROR_REASON_INVALID_FIELD, "The bounds of upstream calls are not set.")
	}
	if len(p.Credentials) == 0 {
		return nil, failure.New(commonv1.ErrorReason_ERROR_REASON_INVALID_FIELD, "There is no credential, not even an empty one.")
	}
	c := &Client{
		name: p.Name,
		base: b,
		limits: limits{
			maxAttempts: int(u.GetMaxAttempts()),
			maxBackoff:  u.GetMaxBackoff().AsDuration(),
			header:      u.GetHeaderTimeout().AsDuration(),
			firstEvent:  u.GetFirstEventTimeout().AsDuration(),
			idle:        u.GetIdleTimeout().AsDuration(),
			maxEvent:    int(u.GetMaxEventBytes()),
		},
		keys:      credentials{all: p.Credentials},
		secrets:   longest(p.Credentials),
		userAgent: []string{"signalbox/" + p.Version},
		budget:    budget{percent: int(u.GetRetryBudgetPercent())},
	}
	c.breakers.percent = int(u.GetBreakerFailurePercent())
	c.breakers.rest = u.GetBreakerRest().AsDuration()
	d := &dialer{
		address: b.address(),
		timeout: u.GetConnectTimeout().AsDuration(),
		tls: &tls.Config{
			MinVersion:         tls.VersionTLS12,
			ServerName:         b.url.Hostname(),
			RootCAs:            p.RootCAs,
			NextProtos:         []string{"http/1.1"},
			ClientSessionCache: tls.NewLRUClientSessionCache(64),
		},
	}
	if lean(p.HTTPVersion, b.secure()) {
		c.transport = newLeanTransport(d, b)
		return c, nil
	}
	d.tls.NextProtos = []string{"h2", "http/1.1"}
	c.transport = newNetTransport(d, b.secure())
	return c, nil
}

// lean says which of the two transports serves.
func lean(version configv1.HttpVersion, secure bool) bool {
	switch version {
	case configv1.HttpVersion_HTTP_VERSION_1:
		return true
	case configv1.HttpVersion_HTTP_VERSION_2:
		return false
	default:
		return !secure
	}
}

// Name is the provider instance.
func (c *Client) Name() string { return c.name }

// Close ends idle connections. Calls under way go on.
func (c *Client) Close() error {
	c.transport.close()
	return nil
}
