package server

import (
	"net/http"

	"github.com/signalbox-ai/signalbox/server/objectid"
)

// HTTP is the server of the REST door, to be changed before Run alone.
func (s *Server) HTTP() *http.Server { return s.http }

// IDs seals the ids of objects.
func IDs(s *Server) *objectid.Sealer { return s.ids }
