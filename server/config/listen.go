package config

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	"github.com/signalbox-ai/signalbox/providers"
)

// settleServer decides the addresses and what depends on them.
func (l *loader) settleServer(config *Config) {
	fill(config.Message, defaults())
	server := config.Message.GetServer()
	closed := config.Keyless() && !server.GetInsecure()
	server.HttpAddr = l.listen("server.http_addr", server.GetHttpAddr(), "8080", closed)
	server.GrpcAddr = l.listen("server.grpc_addr", server.GetGrpcAddr(), "9090", closed)
	if server.GetHttpAddr() == server.GetGrpcAddr() && !strings.HasSuffix(server.GetHttpAddr(), ":0") {
		l.fail("server.grpc_addr", "is the address of the REST listener too")
	}
	local := isLoopback(server.GetHttpAddr()) && isLoopback(server.GetGrpcAddr())
	switch {
	case closed:
		l.warn("No key is configured, so only this machine is served (%s, %s), and everyone on it. Set SIGNALBOX_MASTER_KEY to serve others.",
			server.GetHttpAddr(), server.GetGrpcAddr())
	case config.Keyless() && !local:
		l.warn("No key is configured, and the addresses %s and %s are open: whoever reaches them uses your providers at your cost.",
			server.GetHttpAddr(), server.GetGrpcAddr())
	}
	lag := 5 * time.Second
	if local {
		lag = 0
	}
	fill(server, &configv1.Server{Reflection: new(isLoopback(server.GetGrpcAddr())), DrainLag: durationpb.New(lag)})
	for i, text := range server.GetTrustedProxies() {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			l.fail("server.trusted_proxies["+strconv.Itoa(i)+"]", `must be a range such as "10.0.0.0/8"`)
			continue
		}
		server.TrustedProxies[i] = prefix.Masked().String()
	}
}

// listen returns the address to listen at. closed says that only loopback may be
// served: a wildcard becomes loopback, any other host is refused.
func (l *loader) listen(member, address, port string, closed bool) string {
	if address == "" {
		address = ":" + port
	}
	host, port, err := net.SplitHostPort(address)
	if number, wrong := strconv.ParseUint(port, 10, 16); err != nil || wrong != nil || number > 65535 {
		l.fail(member, `must be "host:port" or ":port"`)
		return address
	}
	switch {
	case !closed || isLoopback(address):
		return address
	case host == "" || host == "0.0.0.0":
		return net.JoinHostPort("127.0.0.1", port)
	case host == "::":
		return net.JoinHostPort("::1", port)
	default:
		l.fail(member, "%s is beyond loopback and no key is configured; set SIGNALBOX_MASTER_KEY, or SIGNALBOX_INSECURE=true to serve everyone", address)
		return address
	}
}

// isLoopback says whether an address, "host:port", is on this machine alone.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && providers.IsLoopback(host)
}
