package providers

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"
)

// CheckBaseURL reads the base URL of a provider and says what is wrong with it. The
// error goes on from the URL's name, "must be https: …", and quotes nothing of the
// URL, which may hold what should not be there.
func CheckBaseURL(text string, allowHTTP bool) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Opaque != "" || u.Hostname() == "" || (u.Scheme != "https" && u.Scheme != "http"):
		return nil, errors.New(`must be a URL such as "https://api.example.com/v1"`)
	case u.User != nil:
		return nil, errors.New("must have no user or password; a key belongs into `api_key`")
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(text, "#"):
		return nil, errors.New("must have neither a query nor a fragment")
	case !plainPath(u):
		return nil, errors.New("must have a plain path, without dots, empty segments or control characters")
	case u.Scheme == "http" && !allowHTTP && !IsLoopback(u.Hostname()):
		return nil, errors.New("must be https: keys would travel in the open; `allow_http` takes http all the same")
	}
	return u, nil
}

// plainPath says whether every segment of a path is a name: none leads elsewhere. One
// slash at the end is no segment.
func plainPath(u *url.URL) bool {
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	if path == "" {
		return true
	}
	for segment := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		if plain, err := url.PathUnescape(segment); err != nil || !IsSegment(plain) {
			return false
		}
	}
	return true
}

// IsSegment says whether a text can be one segment of a path, and only that.
func IsSegment(text string) bool {
	if text == "" || text == "." || text == ".." {
		return false
	}
	return strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) < 0
}

// IsLoopback says whether a host, without a port, is this machine for certain. Names
// below "localhost" are not: a resolver may send them anywhere.
func IsLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
