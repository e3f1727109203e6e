package providertest

import (
	"fmt"
	"net/http"
	"time"
)

// wire writes the body of one reply.
type wire struct {
	x    *exchange
	sent int64
}

// send writes all of an answer.
func (w *wire) send(a answer) error {
	cut := w.x.script.Cut
	if err := w.reached(0); err != nil {
		return err
	}
	if a.framed == nil { // events that are meant are half of the body
		if cut.Ending != EndWhole && (cut.Place == AfterEvents || cut.Place == InEvent) {
			return w.part(a.body)
		}
		w.final()
		return w.write(a.body)
	}
	for i, framed := range a.framed {
		if i > 0 && !w.x.up.pause(w.x.r.Context(), w.x.script.PerChunk) {
			return errGone
		}
		if cut.Ending != EndWhole && cut.Place == InEvent && int64(i+1) == cut.N {
			return w.part(framed)
		}
		if i == len(a.framed)-1 {
			w.final()
		}
		if err := w.write(framed); err != nil {
			return err
		}
		if err := w.reached(i + 1); err != nil {
			return err
		}
	}
	return nil
}

// final notes that the last piece comes now.
func (w *wire) final() {
	if w.x.script.Cut.Ending == EndWhole {
		w.x.up.records.update(w.x.rec, func(r *Request) { r.final = true })
	}
}

// part writes half of the bytes, and stops.
func (w *wire) part(b []byte) error {
	if err := w.write(b[:len(b)/2]); err != nil {
		return err
	}
	return errCut
}

// reached notes that n events are out, and says whether to stop.
func (w *wire) reached(n int) error {
	if n > 0 {
		w.x.up.records.update(w.x.rec, func(r *Request) { r.Events = n })
	}
	cut := w.x.script.Cut
	if cut.Ending != EndWhole && cut.Place == AfterEvents && int64(n) == cut.N {
		return errCut
	}
	return nil
}

// write writes bytes at the script's pace, up to its cut.
func (w *wire) write(b []byte) error {
	s := &w.x.script
	stop := false
	if s.Cut.Ending != EndWhole && s.Cut.Place == AfterBytes && w.sent+int64(len(b)) >= s.Cut.N {
		b, stop = b[:s.Cut.N-w.sent], true
	}
	step := len(b)
	switch {
	case s.OneByte:
		step = 1
	case s.BytesPerSecond > 0:
		step = max(1, s.BytesPerSecond/paceSteps)
	}
	for len(b) > 0 {
		n := min(step, len(b))
		if err := w.flush(b[:n]); err != nil {
			return err
		}
		b = b[n:]
		if s.BytesPerSecond > 0 && !w.x.up.pause(w.x.r.Context(), time.Duration(n)*time.Second/time.Duration(s.BytesPerSecond)) {
			return errGone
		}
	}
	if stop {
		return errCut
	}
	return nil
}

// paceSteps is how many writes a second a bounded pace makes.
const paceSteps = 100

// flush writes bytes so that they leave at once.
func (w *wire) flush(b []byte) error {
	n, err := w.x.w.Write(b)
	w.sent += int64(n)
	w.x.up.records.update(w.x.rec, func(r *Request) { r.Bytes = w.sent })
	if err == nil {
		err = http.NewResponseController(w.x.w).Flush()
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errGone, err)
	}
	return nil
}
