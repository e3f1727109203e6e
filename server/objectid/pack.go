package objectid

import "strings"

// How an upstream's id is packed: a bit for the prefix, and one of three ways.
const (
	samePrefix = 1 << iota // it begins as ours, and the prefix is left out
	hexDigits              // pairs of lower-case hexadecimal digits, as bytes
	uuidText               // a UUID in lower case, as its 16 bytes
)

// packed is an upstream's id as it goes into a payload.
type packed struct {
	text string
	way  byte
}

func pack(prefix, id string) (byte, packed) {
	var way byte
	text, found := strings.CutPrefix(id, prefix)
	if found {
		way |= samePrefix
	}
	switch {
	case isUUID(text):
		way |= uuidText
	case len(text) > 0 && len(text)%2 == 0 && isHex(text):
		way |= hexDigits
	}
	return way, packed{text: text, way: way}
}

func (p packed) append(b []byte) []byte {
	switch {
	case p.way&uuidText != 0:
		for i := 0; i < len(p.text); i += 2 {
			if p.text[i] == '-' {
				i++
			}
			b = append(b, digit(p.text[i])<<4|digit(p.text[i+1]))
		}
		return b
	case p.way&hexDigits != 0:
		for i := 0; i < len(p.text); i += 2 {
			b = append(b, digit(p.text[i])<<4|digit(p.text[i+1]))
		}
		return b
	default:
		return append(b, p.text...)
	}
}

// unpack is the inverse of pack.
func unpack(prefix string, way byte, b []byte) (string, bool) {
	var room [MaxPrefix + 2*MaxUpstreamID]byte
	id := room[:0]
	if way&samePrefix != 0 {
		id = append(id, prefix...)
	}
	switch way &^ samePrefix {
	case 0:
		id = append(id, b...)
	case hexDigits:
		for _, c := range b {
			id = append(id, hexAlphabet[c>>4], hexAlphabet[c&15])
		}
	case uuidText:
		if len(b) != 16 {
			return "", false
		}
		for i, c := range b {
			if i == 4 || i == 6 || i == 8 || i == 10 {
				id = append(id, '-')
			}
			id = append(id, hexAlphabet[c>>4], hexAlphabet[c&15])
		}
	default:
		return "", false
	}
	return string(id), len(id) > 0
}

const hexAlphabet = "0123456789abcdef"

func digit(c byte) byte {
	if c >= 'a' {
		return c - 'a' + 10
	}
	return c - '0'
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func isUUID(s string) bool {
	return len(s) == 36 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-' &&
		isHex(s[:8]) && isHex(s[9:13]) && isHex(s[14:18]) && isHex(s[19:23]) && isHex(s[24:])
}
