package server

import (
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	modelsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/models/v1"
)

// Announce logs what is served and where, and tells the three commands of a first
// call: on w, ready to paste, where the log is for people, else in the log.
func (s *Server) Announce(w io.Writer) {
	cfg := s.params.Config
	for _, warning := range cfg.Warnings {
		s.params.Log.Warn("configuration", "warning", warning)
	}
	names := make([]string, 0, len(s.providers))
	for _, provider := range s.providers {
		names = append(names, provider.Name())
	}
	s.params.Log.Info("serving", "version", s.params.Version, "rest", s.HTTPAddr(), "grpc", s.GRPCAddr(), "providers", names,
		"model_cards", s.catalog.CardsVersion(), "config", cfg.File)
	commands := s.firstCalls()
	if cfg.Message.GetTelemetry().GetLogFormat() != "text" {
		s.params.Log.Info("try it", "curl", commands[0], "openai_sdk", commands[1], "grpcurl", commands[2])
		return
	}
	// Whether it can be read there is for whoever started the gateway to see.
	_, _ = fmt.Fprintf(w, "\nTry it:\n\n%s\n\n", strings.Join(commands, "\n\n"))
}

// firstCalls are commands to paste: curl, an OpenAI SDK, grpcurl.
func (s *Server) firstCalls() []string {
	model := "gpt-4o-mini"
	for _, known := range s.catalog.Snapshot().Models() {
		if slices.Contains(known.GetCapabilities(), modelsv1.Capability_CAPABILITY_CHAT) {
			model = known.GetId()
			break
		}
	}
	key, curlAuth, grpcAuth := "none", "", ""
	if !s.params.Config.Keyless() {
		key = "$SIGNALBOX_KEY" // only who was given a key knows it
		if s.params.Config.MasterKey.IsSet() {
			key = "$SIGNALBOX_MASTER_KEY"
		}
		curlAuth = ` -H "Authorization: Bearer ` + key + `"`
		grpcAuth = strings.TrimPrefix(curlAuth, " ") + " "
	}
	plain, scheme := "-plaintext ", "http"
	if s.certs != nil {
		plain, scheme = "", "https"
	}
	rest, rpc := reachable(s.HTTPAddr()), reachable(s.GRPCAddr())
	grpcurl := "grpcurl "
	if !s.params.Config.Message.GetServer().GetReflection() { // then the client must bring the protos
		grpcurl = fmt.Sprintf("curl -so signalbox.binpb %s://%s/proto/signalbox.binpb && grpcurl -protoset signalbox.binpb ", scheme, rest)
	}
	return []string{
		fmt.Sprintf(`curl %s://%s/v1/chat/completions%s -H 'Content-Type: application/json' -d '{"model":"%s","messages":[{"role":"user","content":"Hello"}]}'`,
			scheme, rest, curlAuth, model),
		fmt.Sprintf(`OPENAI_BASE_URL=%s://%s/v1 OPENAI_API_KEY="%s" node -e 'new (require("openai"))().chat.completions.create({model:"%s",messages:[{role:"user",content:"Hello"}]}).then(r=>console.log(r.choices[0].message.content))'`,
			scheme, rest, key, model),
		fmt.Sprintf(`%s%s%s-d '{"params":{"model":"%s","messages":[{"role":"user","content":"Hello"}]}}' %s signalbox.chat.v1.ChatService/CreateChatCompletion`,
			grpcurl, plain, grpcAuth, model, rpc),
	}
}

// reachable is an address that a client on this machine can use.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
