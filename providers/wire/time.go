package wire

import (
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// AppendTimestamp writes RFC 3339 text in UTC. A time that it cannot say becomes
// null.
func AppendTimestamp(b []byte, t *timestamppb.Timestamp) []byte {
	if !t.IsValid() {
		return append(b, "null"...)
	}
	b = append(b, '"')
	b = t.AsTime().AppendFormat(b, "2006-01-02T15:04:05")
	b = appendFraction(b, t.GetNanos())
	return append(b, 'Z', '"')
}

// AppendDuration writes decimal seconds, "1.5s". A duration beyond protobuf's
// range becomes null.
func AppendDuration(b []byte, d *durationpb.Duration) []byte {
	if !d.IsValid() {
		return append(b, "null"...)
	}
	seconds, nanos := d.GetSeconds(), d.GetNanos()
	b = append(b, '"')
	if seconds < 0 || nanos < 0 {
		b = append(b, '-')
		seconds, nanos = -seconds, -nanos
	}
	b = strconv.AppendInt(b, seconds, 10)
	b = appendFraction(b, nanos)
	return append(b, 's', '"')
}

// appendFraction writes nanoseconds as a decimal fraction of 0, 3, 6 or 9 digits.
func appendFraction(b []byte, nanos int32) []byte {
	if nanos == 0 {
		return b
	}
	digits := strconv.Itoa(int(nanos) + 1e9)[1:]
	digits = strings.TrimSuffix(strings.TrimSuffix(digits, "000"), "000")
	return append(append(b, '.'), digits...)
}

// Timestamp reads RFC 3339 text.
func (d *Decoder) Timestamp(dst **timestamppb.Timestamp) bool {
	return fromText(d, func(text string) bool {
		t, err := time.Parse(time.RFC3339, text)
		v := timestamppb.New(t)
		if err != nil || !v.IsValid() {
			return false
		}
		*dst = v
		return true
	})
}

// Duration reads decimal seconds, "1.5s".
func (d *Decoder) Duration(dst **durationpb.Duration) bool {
	return fromText(d, func(text string) bool {
		v, ok := parseDuration(text)
		if ok {
			*dst = v
		}
		return ok
	})
}

// fromText reads a string that must say something of a kind.
func fromText(d *Decoder, parse func(string) bool) bool {
	if d.src[d.pos] != '"' {
		return false
	}
	begin := d.pos
	if text := d.text(); d.fault == nil && !parse(text) {
		d.pos = begin
		return false
	}
	return true
}

func parseDuration(text string) (*durationpb.Duration, bool) {
	number, ok := strings.CutSuffix(text, "s")
	if end, kind := scanNumber(number, 0); !ok || kind != 0 || end != len(number) || strings.ContainsAny(number, "eE") {
		return nil, false
	}
	number, negative := strings.CutPrefix(number, "-")
	whole, fraction, _ := strings.Cut(number, ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || len(fraction) > 9 {
		return nil, false
	}
	nanos, err := strconv.ParseInt((fraction + "000000000")[:9], 10, 32)
	if err != nil {
		return nil, false
	}
	v := &durationpb.Duration{Seconds: seconds, Nanos: int32(nanos)}
	if negative {
		v.Seconds, v.Nanos = -v.GetSeconds(), -v.GetNanos()
	}
	return v, v.IsValid()
}
