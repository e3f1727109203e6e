// Package config makes the gateway's configuration: from the file, the
// environment, `.env` and flags into one message with every default set. It is
// the only package that reads the environment.
package config

import (
	"os"

	"github.com/mattn/go-isatty"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	"github.com/signalbox-ai/signalbox/providers"
)

// Config is the configuration that is in force. Immutable.
type Config struct {
	// Message has every member set that has a default, and no secret. Its providers
	// are in the order in which they are asked: those of the file, then those of the
	// environment, then the demonstration provider.
	Message *configv1.Config
	// MasterKey is the key that may do everything. Not set: there is none.
	MasterKey Secret
	// DatabaseURL is where PostgreSQL is. Not set: the embedded database serves.
	DatabaseURL Secret
	// APIKeys has the providers' keys, by instance name. Keyless ones have none.
	APIKeys map[string]Secret
	// ProviderKeys has the providers' further keys, by instance name and label.
	ProviderKeys map[string]map[string]Secret
	// IDKeys are the keys that ids are sealed with, the newest first. None: the store
	// has one.
	IDKeys []Secret
	// Digest is SHA-256 in hexadecimal over everything that decides plans: not over
	// secrets, listeners, storage, audit or telemetry.
	Digest string
	// Warnings are sentences for the start-up log: what was decided that a user may
	// not expect.
	Warnings []string
	// File is the file that was read. Empty: none.
	File string
}

// Keyless says that no key is configured, so that every caller may do everything.
func (c *Config) Keyless() bool {
	return !c.MasterKey.IsSet() && len(c.Message.GetAuth().GetKeys()) == 0
}

// Secrets are all secrets of the configuration, for writers that scrub them.
func (c *Config) Secrets() []Secret {
	var all []Secret
	add := func(secret Secret) {
		if secret.IsSet() {
			all = append(all, secret)
		}
	}
	add(c.MasterKey)
	add(c.DatabaseURL)
	for _, secret := range c.APIKeys {
		add(secret)
	}
	for _, further := range c.ProviderKeys {
		for _, secret := range further {
			add(secret)
		}
	}
	for _, secret := range c.IDKeys {
		add(secret)
	}
	return all
}

// Source is where a configuration comes from.
type Source struct {
	// Path is the file. Empty: SIGNALBOX_CONFIG, else ./signalbox.yaml if it is
	// there.
	Path string
	// Environ is the environment, "NAME=value" each.
	Environ []string
	// Dotenv is a file of further variables, read if it is there; Environ wins over
	// it. Empty: none.
	Dotenv string
	// Types are the types of providers that there are.
	Types []providers.Type
	// Overrides are values of flags, by the name of their variable. They win over
	// everything.
	Overrides map[string]string
	// Terminal says that logs go to a terminal.
	Terminal bool
}

// System returns the source of a gateway that runs here: the process's
// environment and the working directory's `.env`.
func System(types []providers.Type) *Source {
	return &Source{
		Environ:   os.Environ(),
		Dotenv:    ".env",
		Types:     types,
		Overrides: map[string]string{},
		Terminal:  isatty.IsTerminal(os.Stderr.Fd()),
	}
}

// Load makes the configuration. The error joins everything that the first stage with
// a fault found (docs/configuration.md lists them), one line each, with file, line and
// column where a file is at fault.
func Load(source Source) (*Config, error) {
	l := &loader{source: source, where: map[string]position{}, from: map[string]string{}, expanded: map[string]string{}}
	l.readEnvironment()
	if err := l.err(); err != nil {
		return nil, err // the file may refer to variables that could not be read
	}
	message := l.readFile()
	l.applyVariables(message)
	if err := l.err(); err != nil {
		return nil, err
	}
	config := &Config{Message: message, APIKeys: map[string]Secret{}, ProviderKeys: map[string]map[string]Secret{}, File: l.path}
	l.settleAuth(config)
	l.settleProviders(config)
	l.settleRoutes(config.Message)
	l.settleServer(config)
	l.settleObjects(config)
	l.refuseItself(config.Message)
	l.settleRest(config)
	if err := l.err(); err != nil {
		return nil, err
	}
	if err := l.validate(message); err != nil {
		return nil, err
	}
	config.Digest = digest(message)
	config.Warnings = l.warnings
	return config, nil
}
