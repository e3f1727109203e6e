package upstream

import (
	"net"
	"net/url"
	"strings"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/failure"
)

// base is where an API is: scheme, host, port and the path's beginning.
type base struct {
	url    *url.URL
	prefix string // escaped, without the slash at its end
}

// parseBase takes a configured base URL. Its errors name nothing of the URL, which
// may hold a password.
func parseBase(text string, allowHTTP bool) (base, error) {
	u, err := providers.CheckBaseURL(text, allowHTTP)
	if err != nil {
		e := failure.New(commonv1.ErrorReason_ERROR_REASON_INVALID_FIELD, "The provider's base URL "+err.Error()+".")
		e.Param = "base_url"
		return base{}, e
	}
	return base{url: &url.URL{Scheme: u.Scheme, Host: u.Host}, prefix: strings.TrimSuffix(u.EscapedPath(), "/")}, nil
}

func (b base) secure() bool { return b.url.Scheme == "https" }

// address is the host and port to connect to.
func (b base) address() string {
	port := b.url.Port()
	switch {
	case port != "":
	case b.secure():
		port = "443"
	default:
		port = "80"
	}
	return net.JoinHostPort(b.url.Hostname(), port)
}

// Endpoint is a URL below a client's base URL.
type Endpoint struct {
	url    *url.URL
	target string // the origin form
}

// Endpoint returns the URL whose path goes on from the base with these segments,
// each escaped as a whole, so that none can leave the base.
func (c *Client) Endpoint(segments ...string) (Endpoint, error) {
	var path strings.Builder
	path.WriteString(c.base.prefix)
	for _, segment := range segments {
		if !providers.IsSegment(segment) {
			return Endpoint{}, failure.New(commonv1.ErrorReason_ERROR_REASON_PATH_REFUSED,
				"A name cannot be part of the provider's path.")
		}
		path.WriteByte('/')
		path.WriteString(url.PathEscape(segment))
	}
	target := path.String()
	if target == "" {
		target = "/"
	}
	plain, err := url.PathUnescape(target)
	if err != nil {
		return Endpoint{}, failure.Wrap(commonv1.ErrorReason_ERROR_REASON_PATH_REFUSED,
			"A name cannot be part of the provider's path.", err)
	}
	u := *c.base.url
	u.Path, u.RawPath = plain, target
	return Endpoint{url: &u, target: target}, nil
}

// WithQuery is the endpoint with a query, beside the one that it has.
func (e Endpoint) WithQuery(query url.Values) Endpoint {
	if len(query) == 0 {
		return e
	}
	u := *e.url
	all := u.Query()
	for name, values := range query {
		all[name] = values
	}
	u.RawQuery = all.Encode()
	path, _, _ := strings.Cut(e.target, "?")
	return Endpoint{url: &u, target: path + "?" + u.RawQuery}
}
