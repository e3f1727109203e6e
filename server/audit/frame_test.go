package audit

import (
	"bytes"
	"strings"
	"testing"
)

func frameOf(k kind, payload string) []byte {
	b := append(openFrame(nil, k), payload...)
	closeFrame(b)
	return b
}

// payloads are the payloads of the frames in b, and how many bytes were none.
func payloads(b []byte) (list []string, lost int) {
	for {
		f, rest, skipped, ok := nextFrame(b)
		lost += skipped
		if !ok {
			return list, lost
		}
		list = append(list, string(f.kind)+":"+string(f.payload))
		b = rest
	}
}

func TestFrames(t *testing.T) {
	t.Parallel()
	one, two := frameOf(kindBegin, "one"), frameOf(kindEnd, "two "+frameMarker+" two")
	broken := bytes.Clone(two)
	broken[len(broken)-1] ^= 1
	empty := frameOf(kindEnd, "")
	long := frameOf(kindBegin, "x")
	long[4], long[7] = 0xff, 0xff // a length beyond everything
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	const first, second = "B:one", "E:two " + frameMarker + " two"
	for _, test := range []struct {
		name string
		in   []byte
		want string
		lost int
	}{
		{"nothing", nil, "", 0},
		{"frames", join(one, two, empty), first + "|" + second + "|E:", 0},
		{"a cut header at the end", join(one, two[:7]), first, 7},
		{"a cut payload at the end", join(one, two[:len(two)-2]), first, len(two) - 2},
		{"a broken frame in the middle", join(one, broken, one), first + "|" + first, len(broken)},
		{"a hole of zeros", join(one, make([]byte, 100), two), first + "|" + second, 100},
		{"a frame that was cut and gone on behind", join(one[:10], two), second, 10},
		{"a length beyond the end", join(long, one), first, len(long)},
		{"no frame at all", []byte(strings.Repeat("\xa5S", 50)), "", 100},
	} {
		list, lost := payloads(test.in)
		if got := strings.Join(list, "|"); got != test.want || lost != test.lost {
			t.Errorf("%s: read %q and lost %d bytes, want %q and %d", test.name, got, lost, test.want, test.lost)
		}
	}
}

// However a file is cut, the whole frames before the cut are read and nothing else.
func TestTornFrames(t *testing.T) {
	t.Parallel()
	frames := [][]byte{frameOf(kindBegin, "first"), frameOf(kindEnd, strings.Repeat("x", 300)), frameOf(kindEnd, "third")}
	file := bytes.Join(frames, nil)
	for cut := range file {
		whole, end := 0, 0
		for _, frame := range frames {
			if end += len(frame); end <= cut {
				whole++
			}
		}
		if list, _ := payloads(file[:cut]); len(list) != whole {
			t.Fatalf("a file cut at %d of %d has %d frames, want %d", cut, len(file), len(list), whole)
		}
	}
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte("junk"), []byte("payload"))
	f.Add([]byte(frameMarker), []byte(frameMarker))
	f.Fuzz(func(t *testing.T, junk, payload []byte) {
		if bytes.Contains(append(bytes.Clone(junk), frameMarker...)[:len(junk)+len(frameMarker)-1], []byte(frameMarker)) {
			junk = nil // a frame could be hidden in it
		}
		list, _ := payloads(append(bytes.Clone(junk), frameOf(kindEnd, string(payload))...))
		if len(list) != 1 || list[0] != "E:"+string(payload) {
			t.Errorf("behind %q, %q was read as %q", junk, payload, list)
		}
	})
}
