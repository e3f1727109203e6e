package providertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// exchange is one request and its reply.
type exchange struct {
	up     *Upstream
	w      http.ResponseWriter
	r      *http.Request
	rec    *Request
	script Script
	target
	// unwatch stops to look whether the client leaves.
	unwatch func() bool
	// ours says that this side ended the connection.
	ours bool
}

// ServeHTTP answers one request.
func (u *Upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !u.enter() {
		panic(http.ErrAbortHandler)
	}
	defer u.handlers.Done()
	x := &exchange{up: u, w: w, r: r, target: u.find(r)}
	x.rec = u.records.begin(r, x.endpoint.name, u.profile.credential)
	u.journal.arrived(x.rec)
	x.unwatch = context.AfterFunc(r.Context(), func() { x.left(false) })
	defer x.end()

	if connectionOf(r).stale.Load() {
		x.note("stale", 0)
		x.drop(connectionOf(r).hangUp)
	}
	x.serve()
}

// left notes that the client went away, unless it was us. sure says that it did not
// get the whole reply.
func (x *exchange) left(sure bool) {
	if !x.up.isClosed() && !x.ours {
		x.up.records.abort(x.rec, sure)
	}
}

// end closes the record, also when the handler panics to abort the connection.
func (x *exchange) end() {
	if !x.unwatch() || x.r.Context().Err() != nil { // the watch may not have come to it yet
		x.left(false)
	}
	last := x.up.records.end(x.rec)
	x.up.journal.ended(&last)
}

// note sets script and status of the record.
func (x *exchange) note(script string, status int) {
	x.up.records.update(x.rec, func(r *Request) { r.Script, r.Status = script, status })
}

// serve reads, judges and answers.
func (x *exchange) serve() {
	queued, have := Script{}, false
	if x.endpoint.name != "" {
		queued, have = x.up.queue.next(x.endpoint.name)
	}
	if !have {
		queued = x.up.params.Always
	}
	if queued.Early {
		x.script = queued
		x.deliver(x.scripted(nil))
		return
	}
	body, err := x.read()
	if err != nil {
		x.deliver(x.refuse(err))
		return
	}
	x.script = queued
	x.deliver(x.answer(body, have))
}

// read takes the body in.
func (x *exchange) read() ([]byte, *APIError) {
	body, err := io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, x.up.params.BodyLimit))
	x.up.records.update(x.rec, func(r *Request) {
		r.Received = err == nil
		if x.up.params.KeepRequests >= 0 {
			r.Body = body
		}
	})
	if err == nil {
		return body, nil
	}
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		e := defaultError(http.StatusRequestEntityTooLarge)
		e.Message = fmt.Sprintf("The request is larger than %d bytes.", large.Limit)
		return nil, e
	}
	x.left(true)
	panic(http.ErrAbortHandler)
}

// answer finds the reply. have says that a script was queued for it.
func (x *exchange) answer(body []byte, have bool) answer {
	if e := x.authorize(); e != nil {
		return x.refuse(e)
	}
	if x.refusal != nil {
		return x.refuse(x.refusal)
	}
	if x.endpoint.name == "" {
		return x.nowhere()
	}
	return x.endpoint.serve(x, body, have)
}
