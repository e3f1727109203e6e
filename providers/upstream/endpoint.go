package upstream

import (
	"net"
	"net/netip"
	"net/url"
	"strings"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
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
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return base{}, badBase("is not a URL")
	case u.Scheme != "https" && u.Scheme != "http":
		return base{}, badBase("must begin with https:// or http://")
	case u.Opaque != "" || u.Hostname() == "":
		return base{}, badBase("names no host")
	case u.User != nil:
		return base{}, badBase("must not hold a user or a password")
	case u.RawQuery != "" || u.ForceQuery:
		return base{}, badBase("must not have a query")
	case u.Fragment != "" || strings.Contains(text, "#"):
		return base{}, badBase("must not have a fragment")
	case u.Scheme == "http" && !allowHTTP && !isLoopback(u.Hostname()):
		return base{}, badBase("may be http for loopback addresses alone, unless `allow_http` is set")
	}
	prefix := strings.TrimSuffix(u.EscapedPath(), "/")
	for i, segment := range strings.Split(prefix, "/") {
		if plain, err := url.PathUnescape(segment); i > 0 && (err != nil || !isSegment(plain)) {
			return base{}, badBase("has an empty segment or one of dots in its path")
		}
	}
	return base{url: &url.URL{Scheme: u.Scheme, Host: u.Host}, prefix: prefix}, nil
}

func badBase(what string) *failure.Error {
	e := failure.New(commonv1.ErrorReason_ERROR_REASON_INVALID_FIELD, "The provider's base URL "+what+".")
	e.Param = "base_url"
	return e
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
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
		if !isSegment(segment) {
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

// isSegment says whether a text can be one segment of a path, and only that.
func isSegment(s string) bool {
	if s == "" || s == "." || s == ".." {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) < 0
}
