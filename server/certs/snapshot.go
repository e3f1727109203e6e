package certs

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"time"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
)

// snapshot is what the files held at one moment. Immutable once it is in force.
type snapshot struct {
	cert    *tls.Certificate
	clients *x509.CertPool // nil: clients need no certificate
	tickets [][32]byte     // keys of session tickets, the newest first
	// Digests of the files' contents.
	pairSum, clientsSum [sha256.Size]byte
}

// read reads the files. What cannot be used stays as it is in before, with an
// error; the snapshot is never nil.
func read(cfg *configv1.Tls, before *snapshot) (*snapshot, error) {
	next := *before
	errPair := next.readPair(cfg.GetCertFile(), cfg.GetKeyFile())
	var errClients error
	if file := cfg.GetClientCaFile(); file != "" {
		errClients = next.readClients(file)
	}
	return &next, errors.Join(errPair, errClients)
}

func (s *snapshot) readPair(certFile, keyFile string) error {
	chain, err := os.ReadFile(certFile)
	if err != nil {
		return fmt.Errorf("read the certificate: %w", err)
	}
	key, err := os.ReadFile(keyFile)
	if err != nil {
		return fmt.Errorf("read the certificate's key: %w", err)
	}
	chainSum, keySum := sha256.Sum256(chain), sha256.Sum256(key)
	sum := sha256.Sum256(append(chainSum[:], keySum[:]...))
	if s.cert != nil && sum == s.pairSum {
		return nil
	}
	if _, err := certificates(chain); err != nil {
		return fmt.Errorf("certificate %s: %w", certFile, err)
	}
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return fmt.Errorf("certificate %s with key %s: %w", certFile, keyFile, err)
	}
	s.cert, s.pairSum = &pair, sum
	return nil
}

func (s *snapshot) readClients(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read the client CAs: %w", err)
	}
	sum := sha256.Sum256(text)
	if s.clients != nil && sum == s.clientsSum {
		return nil
	}
	certs, err := certificates(text)
	if err != nil {
		return fmt.Errorf("client CAs %s: %w", file, err)
	}
	pool := x509.NewCertPool()
	for _, cert := range certs {
		pool.AddCert(cert)
	}
	s.clients, s.clientsSum = pool, sum
	return nil
}

// certificates reads PEM text strictly: a file that is half written, or in which
// one block is spoilt, is an error, where the standard library would take the rest.
func certificates(text []byte) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	begun := bytes.Count(text, []byte("-----BEGIN "))
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		begun--
		if block.Type != "CERTIFICATE" {
			continue // a key in the same file, or parameters
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		certs = append(certs, cert)
	}
	switch {
	case begun != 0:
		return nil, errors.New("a PEM block is cut short or spoilt")
	case len(certs) == 0:
		return nil, errors.New("there is no certificate in the file")
	}
	return certs, nil
}

// same says whether two snapshots hold the same files.
func (s *snapshot) same(other *snapshot) bool {
	return s.pairSum == other.pairSum && s.clientsSum == other.clientsSum
}

// config is the configuration of a listener by this snapshot alone.
func (s *snapshot) config(nextProtos []string) *tls.Config {
	config := &tls.Config{
		Certificates: []tls.Certificate{*s.cert},
		NextProtos:   nextProtos,
		MinVersion:   tls.VersionTLS12,
	}
	if s.clients != nil {
		config.ClientAuth = tls.RequireAndVerifyClientCert
		config.ClientCAs = s.clients
	}
	// Keys of our own: those that crypto/tls makes belong to the outer
	// configuration, and would outlive the snapshot.
	config.SetSessionTicketKeys(s.tickets)
	return config
}

// attrs is the snapshot for logs.
func (s *snapshot) attrs() []any {
	leaf := s.cert.Leaf
	return []any{
		"serial", leaf.SerialNumber.Text(16), "names", leaf.DNSNames,
		"not_after", leaf.NotAfter.UTC().Format(time.RFC3339), "client_certificates", s.clients != nil,
	}
}

// newTickets is a new key, and the newest of the old ones.
func newTickets(old [][32]byte) [][32]byte {
	keys := make([][32]byte, 1, 2)
	_, _ = rand.Read(keys[0][:]) // never fails: the process would have ended
	return append(keys, old[:min(1, len(old))]...)
}
