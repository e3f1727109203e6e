package providertest

import (
	"bytes"
	"cmp"
	"strconv"
	"strings"
)

// frame spells events as a stream's bytes, one slice for each.
func frame(events []event, f Framing) [][]byte {
	end := f.LineEnd
	if end == "" {
		end = "\n"
	}
	out := make([][]byte, len(events))
	for i, e := range events {
		var b bytes.Buffer
		if f.BOM && i == 0 {
			b.WriteString("\uFEFF")
		}
		b.WriteString(strings.ReplaceAll(e.before, "\n", end))
		if f.Comments {
			b.WriteString(": keep-alive" + end + end)
		}
		if f.Names {
			b.WriteString("event: " + cmp.Or(e.name, "message") + end + "id: " + strconv.Itoa(i) + end + "retry: 3000" + end)
		}
		if e.name != "" && !f.Names {
			b.WriteString("event: " + e.name + end)
		}
		for _, line := range lines(e.data, f) {
			b.WriteString("data:")
			if !f.NoSpace {
				b.WriteByte(' ')
			}
			b.Write(line)
			b.WriteString(end)
		}
		if !f.NoLastBlank || i < len(events)-1 {
			b.WriteString(end)
		}
		out[i] = b.Bytes()
	}
	return out
}

// lines spreads data over lines: after the commas between members, where a newline
// changes nothing.
func lines(data []byte, f Framing) [][]byte {
	if string(data) == done { // clients compare it as it is
		return [][]byte{data}
	}
	pad := []byte(strings.Repeat(" ", f.Padding))
	whole := bytes.Join([][]byte{pad, data, pad}, nil)
	if !f.MultiLine {
		return [][]byte{whole}
	}
	var out [][]byte
	quoted, from := false, 0
	for i := 0; i < len(whole); i++ {
		switch whole[i] {
		case '\\':
			i++
		case '"':
			quoted = !quoted
		case ',':
			if !quoted {
				out = append(out, whole[from:i+1])
				from = i + 1
			}
		}
	}
	return append(out, whole[from:])
}
