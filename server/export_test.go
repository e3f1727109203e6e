package server

import "net/http"

// HTTP is the server of the REST door, to be changed before Run alone.
func (s *Server) HTTP() *http.Server { return s.http }
