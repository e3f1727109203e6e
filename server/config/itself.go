package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	"github.com/signalbox-ai/signalbox/providers"
)

// refuseItself refuses a provider that is this gateway: a call would come back to it
// without end. A client's OPENAI_BASE_URL in the gateway's own shell is enough for it.
func (l *loader) refuseItself(message *configv1.Config) {
	address := message.GetServer().GetHttpAddr()
	for i, provider := range message.GetProviders() {
		if leadsTo(provider.GetBaseUrl(), address) {
			l.fail(fmt.Sprintf("providers[%d].base_url", i), "is this gateway itself (server.http_addr %s), so that calls would come back without end;"+
				" it must be the provider's URL: the gateway's own belongs into the environment of its clients", address)
		}
	}
}

// leadsTo says whether a base URL reaches a listener on this machine, "host:port".
func leadsTo(baseURL, address string) bool {
	u, err := url.Parse(baseURL)
	if err != nil {
		return false // refused already
	}
	listener, portText, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	return err == nil && port != 0 && port == portOf(u) && sameMachine(u.Hostname(), listener)
}

func portOf(u *url.URL) uint64 {
	if u.Port() != "" {
		port, _ := strconv.ParseUint(u.Port(), 10, 16) // 0 when it is none, which matches nothing
		return port
	}
	return map[string]uint64{"http": 80, "https": 443}[u.Scheme]
}

// sameMachine says whether a host is one of this machine's own names, or the very
// host of the listener.
func sameMachine(host, listener string) bool {
	host = strings.ToLower(host)
	if providers.IsLoopback(host) || strings.HasSuffix(host, ".localhost") || host != "" && strings.EqualFold(host, listener) {
		return true
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	own, err := netip.ParseAddr(listener)
	return ip.Unmap().IsUnspecified() || err == nil && ip.Unmap() == own.Unmap()
}
