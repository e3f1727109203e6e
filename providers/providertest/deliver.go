package providertest

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Why a reply is not written on.
var (
	errCut  = errors.New("the script breaks the reply off")
	errGone = errors.New("the client is gone")
)

// deliver sends a reply the way the script wants.
func (x *exchange) deliver(a answer) {
	s := &x.script
	x.note(s.Name, 0)
	if !x.up.pause(x.r.Context(), s.Delay) {
		panic(http.ErrAbortHandler)
	}
	if s.Cut.Ending != EndWhole && s.Cut.Place == BeforeHeaders {
		x.breakOff()
		return
	}
	if s.Raw != nil {
		x.raw()
		return
	}
	x.head(a)
	w := &wire{x: x}
	err := w.send(a)
	switch {
	case errors.Is(err, errCut):
		x.breakOff()
	case err != nil:
		x.left(true)
		panic(http.ErrAbortHandler)
	default:
		x.up.records.update(x.rec, func(r *Request) { r.Completed = true })
		if s.StaleAfter {
			connectionOf(x.r).stale.Store(true)
		}
	}
}

// head writes status and headers.
func (x *exchange) head(a answer) {
	s, h := &x.script, x.w.Header()
	if s.Early { // else net/http would read the body first
		_ = http.NewResponseController(x.w).EnableFullDuplex()
	}
	x.ownHeaders(h)
	for name, values := range a.header {
		h[name] = values
	}
	for name, values := range s.Header {
		h[name] = values
	}
	for i := range s.HeaderFlood / floodLine {
		h.Add("X-Flood-"+strconv.Itoa(i), strings.Repeat("f", floodLine))
	}
	if s.CloseAfter || s.Early {
		h.Set("Connection", "close")
	}
	if a.framed == nil && s.Cut.Ending != EndClean && a.status != http.StatusNoContent {
		h.Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	x.note(s.Name, a.status)
	x.w.WriteHeader(a.status)
	if a.framed != nil || s.Cut.Ending != EndWhole {
		_ = http.NewResponseController(x.w).Flush()
	}
}

// floodLine is the size of a line of a header flood.
const floodLine = 1000

// ownHeaders are the headers that each of the provider's replies has.
func (x *exchange) ownHeaders(h http.Header) {
	if name := x.up.profile.requestID; name != "" {
		h.Set(name, "req_"+digest(strconv.Itoa(x.rec.N), x.rec.Connection))
	}
	for name, value := range x.up.profile.header {
		h.Set(name, value)
	}
	h.Set("Set-Cookie", "__cf_bm=providertest; path=/; HttpOnly; Secure")
	if x.up.profile.openai {
		h.Set("Openai-Processing-Ms", strconv.FormatInt(time.Since(x.rec.Arrived).Milliseconds(), 10))
	}
	if !x.up.profile.limits || !strings.HasPrefix(x.endpoint.name, http.MethodPost) {
		return
	}
	h.Set("X-Ratelimit-Limit-Requests", "10000")
	h.Set("X-Ratelimit-Limit-Tokens", "200000")
	h.Set("X-Ratelimit-Remaining-Requests", "9999")
	h.Set("X-Ratelimit-Remaining-Tokens", "199900")
	h.Set("X-Ratelimit-Reset-Requests", "8.64s")
	h.Set("X-Ratelimit-Reset-Tokens", "30ms")
}

// breakOff ends the reply where it is.
func (x *exchange) breakOff() {
	switch x.script.Cut.Ending {
	case EndHang:
		x.up.hang(x.r.Context())
		panic(http.ErrAbortHandler)
	case EndReset:
		x.drop(connectionOf(x.r).reset)
	case EndClose:
		x.drop(connectionOf(x.r).hangUp)
	case EndClean, EndWhole:
		x.up.records.update(x.rec, func(r *Request) { r.Completed = true })
	}
}

// drop ends the connection from this side, and the handler with it.
func (x *exchange) drop(how func()) {
	x.unwatch() // it is not the client who leaves
	x.ours = true
	x.up.records.update(x.rec, func(r *Request) { r.Completed = true })
	if x.r.ProtoMajor == 1 {
		how()
	}
	panic(http.ErrAbortHandler) // over HTTP/2 this resets the stream alone
}

// raw sends bytes that are no HTTP.
func (x *exchange) raw() {
	conn, _, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		x.up.records.violation("a raw reply needs HTTP/1.1: " + err.Error())
		panic(http.ErrAbortHandler)
	}
	n, err := conn.Write(x.script.Raw)
	_ = conn.Close()
	x.up.records.update(x.rec, func(r *Request) { r.Bytes, r.Completed = int64(n), err == nil })
}
