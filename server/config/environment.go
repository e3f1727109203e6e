package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/joho/godotenv"
	"google.golang.org/protobuf/reflect/protoreflect"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
)

// variable is a variable of the environment that sets a member.
type variable struct {
	// Name is its name, "SIGNALBOX_HTTP_ADDR".
	Name string
	// Member is the member that it sets, "server.http_addr". Empty:
	// SIGNALBOX_CONFIG, which names the file.
	Member string
	// Flag is the flag that does the same, "http-addr". Empty: none, as for
	// secrets, which other users of a machine would see among its processes.
	Flag string
	// Usage says what it is, for a flag's help.
	Usage string
}

// variables are all variables but those of providers.
var variables = []variable{
	{Name: "SIGNALBOX_CONFIG", Flag: "config", Usage: "configuration file (default ./signalbox.yaml if it is there)"},
	{Name: "SIGNALBOX_HTTP_ADDR", Member: "server.http_addr", Flag: "http-addr", Usage: "address of the REST listener"},
	{Name: "SIGNALBOX_GRPC_ADDR", Member: "server.grpc_addr", Flag: "grpc-addr", Usage: "address of the gRPC listener"},
	{Name: "SIGNALBOX_INSECURE", Member: "server.insecure", Flag: "insecure", Usage: "serve without any key beyond loopback"},
	{Name: "SIGNALBOX_DATA_DIR", Member: "storage.data_dir", Flag: "data-dir", Usage: "folder of the database, the spool and the model lists"},
	{Name: "SIGNALBOX_DATABASE_URL", Member: "storage.database_url"},
	{Name: "SIGNALBOX_MASTER_KEY", Member: "auth.master_key"},
	{Name: "SIGNALBOX_ID_KEY", Member: "objects.id_keys"},
	{Name: "SIGNALBOX_DEMO", Member: "demo", Flag: "demo", Usage: "serve the demonstration provider"},
	{Name: "SIGNALBOX_LOG_LEVEL", Member: "telemetry.log_level", Flag: "log-level", Usage: "debug, info, warn or error"},
	{Name: "SIGNALBOX_LOG_FORMAT", Member: "telemetry.log_format", Flag: "log-format", Usage: "json or text"},
	{Name: "OTEL_EXPORTER_OTLP_ENDPOINT", Member: "telemetry.otlp_endpoint"},
}

// readEnvironment makes one map of `.env`, the environment and the flags, the
// later ones winning, and warns of variables that nothing reads.
func (l *loader) readEnvironment() {
	l.env = map[string]string{}
	if l.source.Dotenv != "" {
		l.readDotenv(l.source.Dotenv)
	}
	for _, pair := range l.source.Environ {
		if name, value, ok := strings.Cut(pair, "="); ok {
			l.env[name] = value
		}
	}
	for name, value := range l.source.Overrides {
		l.env[name] = value
	}
	for _, name := range sortedKeys(l.env) {
		if l.env[name] != "" && strings.HasPrefix(name, "SIGNALBOX_") && !known(name) {
			l.warn("The variable %s means nothing to this version.", name)
		}
	}
}

// known says whether a variable of our prefix is read, or is one that Kubernetes
// sets in every pod when a service is named signalbox.
func known(name string) bool {
	if strings.HasPrefix(name, "SIGNALBOX_SERVICE_") || name == "SIGNALBOX_PORT" || strings.HasPrefix(name, "SIGNALBOX_PORT_") {
		return true
	}
	return slices.ContainsFunc(variables, func(v variable) bool { return v.Name == name })
}

// readDotenv reads a file of variables. The parser's own errors quote the file,
// which holds secrets, so only the line is told.
func (l *loader) readDotenv(path string) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		l.errs = append(l.errs, err)
		return
	}
	pairs, err := godotenv.UnmarshalBytes(text)
	if err != nil {
		l.errs = append(l.errs, fmt.Errorf("%s:%d: not of the form NAME=value", path, brokenLine(text)))
		return
	}
	for name, value := range pairs {
		l.env[name] = value
	}
}

// brokenLine is the line after the longest beginning of the text that can be read.
func brokenLine(text []byte) int {
	lines := bytes.SplitAfter(text, []byte("\n"))
	for n := len(lines) - 1; n > 0; n-- {
		if _, err := godotenv.UnmarshalBytes(bytes.Join(lines[:n], nil)); err == nil {
			return n + 1
		}
	}
	return 1
}

// applyVariables sets the members that variables name. An empty variable is as
// good as none.
func (l *loader) applyVariables(message *configv1.Config) {
	for _, variable := range variables {
		value := l.env[variable.Name]
		if value == "" || variable.Member == "" {
			continue
		}
		if err := setMember(message.ProtoReflect(), variable.Member, value); err != nil {
			l.errs = append(l.errs, fmt.Errorf("%s: %w", variable.Name, err))
			continue
		}
		l.from[variable.Member] = variable.Name
		l.from[variable.Member+"[0]"] = variable.Name // of a list
	}
}

// setMember sets a member of text or truth value, by its path. A list of texts becomes
// one of this text alone.
func setMember(message protoreflect.Message, path, value string) error {
	names := strings.Split(path, ".")
	for _, name := range names[:len(names)-1] {
		message = message.Mutable(message.Descriptor().Fields().ByName(protoreflect.Name(name))).Message()
	}
	field := message.Descriptor().Fields().ByName(protoreflect.Name(names[len(names)-1]))
	if field.IsList() {
		list := message.NewField(field).List()
		list.Append(protoreflect.ValueOfString(value))
		message.Set(field, protoreflect.ValueOfList(list))
		return nil
	}
	if field.Kind() != protoreflect.BoolKind {
		message.Set(field, protoreflect.ValueOfString(value))
		return nil
	}
	truth, err := strconv.ParseBool(value)
	if err != nil {
		return errors.New("must be true or false")
	}
	message.Set(field, protoreflect.ValueOfBool(truth))
	return nil
}
