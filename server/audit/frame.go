package audit

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// A segment is a file of frames, one after the other:
//
//	marker   4 bytes  "\xa5SBa"
//	length   4 bytes  of the payload, little-endian
//	checksum 4 bytes  CRC-32C over kind and payload, little-endian
//	kind     1 byte   'B' begin, 'E' end
//	payload           signalbox.audit.v1.GetAuditEntryResponse: entry, plan, bodies
//
// The marker lets a reader go on behind bytes that are no frame: after a power cut
// a file may have a hole, or a frame that was cut.
const (
	frameMarker = "\xa5SBa"
	frameHeader = 13
)

// kind says which of a call's records a frame has.
type kind byte

const (
	kindBegin kind = 'B'
	kindEnd   kind = 'E'
)

//nolint:gochecknoglobals // a table
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// openFrame appends the room of a header; the payload is appended behind it.
func openFrame(b []byte, k kind) []byte {
	b = append(b, frameMarker...)
	return append(b, 0, 0, 0, 0, 0, 0, 0, 0, byte(k))
}

// closeFrame fills the header of a buffer that holds exactly one frame.
func closeFrame(b []byte) {
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-frameHeader)) //nolint:gosec // bodies are bounded far below
	binary.LittleEndian.PutUint32(b[8:], crc32.Checksum(b[12:], castagnoli))
}

// frame is one record of a segment. Its payload is a part of the bytes it was read
// from.
type frame struct {
	kind    kind
	payload []byte
}

// nextFrame finds the first whole frame in b and returns what lies behind it, and
// how many bytes before it were no frame. Without one ok is false, and skipped is
// all of b.
func nextFrame(b []byte) (f frame, rest []byte, skipped int, ok bool) {
	total := len(b)
	for {
		at := bytes.Index(b, []byte(frameMarker))
		if at < 0 {
			return frame{}, nil, total, false
		}
		b = b[at:]
		if f, size := readFrame(b); size > 0 {
			return f, b[size:], total - len(b), true
		}
		b = b[len(frameMarker):]
	}
}

// readFrame reads the frame that b begins with. size is 0 when it is none.
func readFrame(b []byte) (_ frame, size int) {
	if len(b) < frameHeader {
		return frame{}, 0
	}
	length := int64(binary.LittleEndian.Uint32(b[4:]))
	if length > int64(len(b)-frameHeader) {
		return frame{}, 0
	}
	size = frameHeader + int(length)
	if binary.LittleEndian.Uint32(b[8:]) != crc32.Checksum(b[12:size], castagnoli) {
		return frame{}, 0
	}
	return frame{kind: kind(b[12]), payload: b[frameHeader:size]}, size
}
