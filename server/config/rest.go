package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
)

// credentialHeaders are headers whose values no record may show.
var credentialHeaders = []string{
	"anthropic-api-key", "api-key", "authorization", "cf-aig-authorization", "cookie", "grpc-metadata-authorization",
	"helicone-auth", "ocp-apim-subscription-key", "proxy-authorization", "set-cookie", "x-access-token", "x-amz-security-token",
	"x-api-key", "x-auth-token", "x-csrf-token", "x-goog-api-key", "x-litellm-api-key",
}

// settleRest settles storage, audit and telemetry, and checks every duration.
func (l *loader) settleRest(config *Config) {
	storage := config.Message.GetStorage()
	database := storage.GetDatabaseUrl()
	storage.DatabaseUrl = ""
	config.DatabaseURL = NewSecret(database)
	if database != "" && !postgres(database) {
		l.fail("storage.database_url", `must begin with "postgres://" and name a host`)
	}
	for i, name := range config.Message.GetAudit().GetShowHeaders() {
		name = strings.ToLower(strings.TrimSpace(name))
		config.Message.Audit.ShowHeaders[i] = name
		if slices.Contains(credentialHeaders, name) {
			l.fail(fmt.Sprintf("audit.show_headers[%d]", i), "%q carries credentials, which no record may show", name)
		}
	}
	telemetry := config.Message.GetTelemetry()
	if telemetry.GetLogFormat() == "" {
		telemetry.LogFormat = "json"
		if l.source.Terminal {
			telemetry.LogFormat = "text"
		}
	}
	if endpoint := telemetry.GetOtlpEndpoint(); endpoint != "" {
		u, err := url.Parse(endpoint)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil {
			l.fail("telemetry.otlp_endpoint", `must be a URL such as "http://127.0.0.1:4317", without a user`)
		}
	}
	l.checkDurations(config.Message, "")
}

func postgres(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "postgres" || u.Scheme == "postgresql") && u.Host != ""
}

// checkDurations refuses durations that Go's cannot hold, which would be cut in
// silence.
func (l *loader) checkDurations(message proto.Message, path string) {
	message.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		if field.Message() == nil || field.IsMap() {
			return true
		}
		member := strings.TrimPrefix(path+"."+field.TextName(), ".")
		if field.IsList() {
			for i := range value.List().Len() {
				l.checkDurations(value.List().Get(i).Message().Interface(), fmt.Sprintf("%s[%d]", member, i))
			}
			return true
		}
		inner := value.Message().Interface()
		if duration, ok := inner.(*durationpb.Duration); ok {
			if durationpb.New(duration.AsDuration()).GetSeconds() != duration.GetSeconds() {
				l.fail(member, "is too long")
			}
			return true
		}
		l.checkDurations(inner, member)
		return true
	})
}
