// Package storage says what the gateway keeps, as small interfaces, and what can
// go wrong with keeping it. It is vocabulary: sqldb implements it, storagetest
// checks an implementation.
package storage

import "errors"

var (
	// ErrNotFound says that there is no such object.
	ErrNotFound = errors.New("not found")
	// ErrRejected says that the store will never take what it was given, so that
	// trying again is of no use. Every other error may pass.
	ErrRejected = errors.New("rejected by the store")
)
