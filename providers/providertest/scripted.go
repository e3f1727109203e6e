package providertest

import (
	"bytes"
	"compress/gzip"
	"net/http"
)

// scripted is an orderly reply as the script changes it. orderly is nil when the
// request was not read.
func (x *exchange) scripted(orderly func() answer) answer {
	s := &x.script
	switch {
	case s.GzipBomb > 0:
		return bomb(s.GzipBomb, x.rec.Stream)
	case s.Replay != "":
		a, err := replay(s.Replay)
		if err != nil {
			return x.refuse(refuse("model", "invalid_value", "The script cannot be played: %s.", err))
		}
		return x.withStatus(a)
	case s.Body != nil || s.NoBody:
		return x.withStatus(jsonAnswer(http.StatusOK, s.Body))
	case s.Error != nil && s.ErrorAt == 0:
		return x.withStatus(x.refuse(x.theError()))
	case s.Status >= http.StatusBadRequest && s.ErrorAt == 0:
		return x.refuse(defaultError(s.Status))
	case orderly == nil:
		return x.refuse(defaultError(http.StatusUnauthorized))
	}
	a := orderly()
	if a.events != nil {
		a.events = x.spoiled(a)
		a.framed = frame(a.events, s.Framing)
	} else if s.MalformedAt > 0 {
		a.body = malformed(a.body)
	}
	return x.withStatus(a)
}

// withStatus applies the script's status.
func (x *exchange) withStatus(a answer) answer {
	if x.script.Status != 0 {
		a.status = x.script.Status
	}
	return a
}

// theError is the script's error, filled up by what OpenAI says with its status.
func (x *exchange) theError() *APIError {
	status := x.script.Status
	e := APIError{}
	if x.script.Error != nil {
		e = *x.script.Error
	}
	if e.Status == 0 {
		e.Status = status
	}
	if e.Status < http.StatusBadRequest {
		e.Status = http.StatusInternalServerError
	}
	usual := defaultError(e.Status)
	if e.Message == "" {
		e.Message = usual.Message
	}
	if e.Type == "" {
		e.Type = usual.Type
		if e.Code == "" {
			e.Code = usual.Code
		}
	}
	return &e
}

// spoiled changes the events of a stream as the script says.
func (x *exchange) spoiled(a answer) []event {
	s, events := &x.script, a.events
	if last := len(events) - 1; s.NoDone && string(events[last].data) == done || s.NoFinish {
		events = events[:last]
	}
	if n := s.MalformedAt; n > 0 && n <= len(events) {
		events[n-1].data = malformed(events[n-1].data)
	}
	if s.ErrorAt > 0 {
		n := min(s.ErrorAt-1, len(events))
		failing := []event{{data: x.theError().event()}}
		if a.failing != nil {
			failing = a.failing(x.theError(), n)
		}
		events = append(events[:n:n], failing...)
	}
	return events
}

// malformed is JSON that is none, of the same length.
func malformed(data []byte) []byte { return bytes.Replace(data, []byte(`":`), []byte(`";`), 1) }

// bombStep is how much one member of a bomb inflates to.
const bombStep = 16 << 20

// bomb is a small body that inflates to a large one: the beginning of a reply whose
// first text does not end.
func bomb(size int64, stream bool) answer {
	head := `{"id":"`
	a := jsonAnswer(http.StatusOK, nil)
	if stream {
		head, a = "data: "+head, streamAnswer(nil)
		a.events = nil
	}
	var step bytes.Buffer
	squeeze(&step, bytes.Repeat([]byte("a"), bombStep))
	var body bytes.Buffer
	squeeze(&body, []byte(head))
	for done := int64(0); done < size; done += bombStep {
		body.Write(step.Bytes())
	}
	a.header.Set("Content-Encoding", "gzip")
	a.body = body.Bytes()
	return a
}

// squeeze appends a member of a gzip file.
func squeeze(to *bytes.Buffer, data []byte) {
	z := gzip.NewWriter(to)
	_, _ = z.Write(data) // a buffer does not fail
	_ = z.Close()
}
