package sse_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/signalbox-ai/signalbox/providers/upstream/sse"
)

// seen is an event as tests compare it.
type seen struct {
	Name, Data   string
	Unterminated bool
}

// readAll reads until the end, copying what Next lends.
func readAll(src io.Reader, limit int) ([]seen, error) {
	r := sse.NewReader(src, limit)
	var all []seen
	for {
		e, err := r.Next()
		if err != nil {
			return all, err
		}
		all = append(all, seen{string(e.Name), string(e.Data), e.Unterminated})
	}
}

func TestGrammar(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		text string
		want []seen
	}{
		"data alone":                   {"data: a\n\n", []seen{{Data: "a"}}},
		"several events":               {"data: a\n\ndata: b\n\n", []seen{{Data: "a"}, {Data: "b"}}},
		"no space behind the colon":    {"data:a\n\n", []seen{{Data: "a"}}},
		"only one space is dropped":    {"data:  a\n\n", []seen{{Data: " a"}}},
		"CRLF":                         {"data: a\r\n\r\ndata: b\r\n\r\n", []seen{{Data: "a"}, {Data: "b"}}},
		"CR":                           {"data: a\r\rdata: b\r\r", []seen{{Data: "a"}, {Data: "b"}}},
		"mixed ends":                   {"data: a\r\n\ndata: b\n\r\ndata: c\r\r\n", []seen{{Data: "a"}, {Data: "b"}, {Data: "c"}}},
		"byte order mark":              {"\xef\xbb\xbfdata: a\n\n", []seen{{Data: "a"}}},
		"only one byte order mark":     {"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n", nil},
		"comments":                     {": keepalive\n\n: more\ndata: a\n: inside\n\n", []seen{{Data: "a"}}},
		"several lines of data":        {"data: a\ndata: b\ndata: c\n\n", []seen{{Data: "a\nb\nc"}}},
		"empty line of data":           {"data: a\ndata\ndata:\n\n", []seen{{Data: "a\n\n"}}},
		"empty data is an event":       {"data:\n\n", []seen{{}}},
		"name":                         {"event: ping\ndata: a\n\n", []seen{{Name: "ping", Data: "a"}}},
		"name behind the data":         {"data: a\nevent: ping\n\n", []seen{{Name: "ping", Data: "a"}}},
		"the last name counts":         {"event: a\nevent: b\ndata: c\n\n", []seen{{Name: "b", Data: "c"}}},
		"name without data":            {"event: ping\n\ndata: a\n\n", []seen{{Data: "a"}}},
		"id and retry":                 {"id: 1\nretry: 3000\n\nid: 2\ndata: a\n\n", []seen{{Data: "a"}}},
		"unknown field":                {"dat: x\nDATA: y\n data: z\ndata: a\n\n", []seen{{Data: "a"}}},
		"colon in the data":            {"data: a: b\n\n", []seen{{Data: "a: b"}}},
		"many blank lines":             {"\n\n\ndata: a\n\n\n\n", []seen{{Data: "a"}}},
		"end without blank line":       {"data: a\n\ndata: b\n", []seen{{Data: "a"}, {Data: "b", Unterminated: true}}},
		"end inside a line":            {"data: a\n\ndata: {\"b", []seen{{Data: "a"}, {Data: "{\"b", Unterminated: true}}},
		"end behind a name":            {"data: a\n\nevent: b\n", []seen{{Data: "a"}}},
		"end behind a CR":              {"data: a\r\r", []seen{{Data: "a"}}},
		"end inside a byte order mark": {"\xef\xbb", nil},
		"nothing":                      {"", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for how, src := range map[string]io.Reader{
				"whole":                  strings.NewReader(test.text),
				"byte by byte":           iotest.OneByteReader(strings.NewReader(test.text)),
				"end with the last byte": iotest.DataErrReader(strings.NewReader(test.text)),
			} {
				got, err := readAll(src, 1<<10)
				if !errors.Is(err, io.EOF) {
					t.Errorf("%s: ended with %v, want io.EOF", how, err)
				}
				compare(t, how, got, test.want)
			}
		})
	}
}

func compare(t *testing.T, how string, got, want []seen) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: got %+v, want %+v", how, got, want)
		return
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%s: event %d: got %+v, want %+v", how, i, got[i], want[i])
		}
	}
}

func TestEventsOfAnyLength(t *testing.T) {
	t.Parallel()
	const limit = 8 << 20
	for _, size := range []int{4<<10 - 8, 4<<10 - 7, 4 << 10, 64<<10 - 1, 64 << 10, 64<<10 + 1, 1 << 20, limit - len("data: \n\n")} {
		text := strings.Repeat("x", size)
		got, err := readAll(strings.NewReader("data: "+text+"\n\ndata: after\n\n"), limit)
		if !errors.Is(err, io.EOF) || len(got) != 2 || got[0].Data != text || got[1].Data != "after" {
			t.Errorf("%d bytes: %d events, error %v", size, len(got), err)
		}
	}
}

func TestLimit(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 2000)
	for name, text := range map[string]string{
		"one line":             "data: a\n\ndata: " + long + "\n\n",
		"many lines":           "data: a\n\n" + strings.Repeat("data: yy\n", 200) + "\n",
		"a comment":            "data: a\n\n: " + long,
		"a name, then comment": "data: a\n\nevent: b\n" + strings.Repeat(": yy\n", 300) + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := sse.NewReader(iotest.HalfReader(strings.NewReader(text)), 1000)
			if e, err := r.Next(); err != nil || string(e.Data) != "a" {
				t.Fatalf("got %q, %v; want the event before", e.Data, err)
			}
			for range 2 { // it stays so
				if _, err := r.Next(); !errors.Is(err, sse.ErrTooLarge) {
					t.Fatalf("got %v, want ErrTooLarge", err)
				}
			}
		})
	}
	t.Run("comments between events do not add up", func(t *testing.T) {
		t.Parallel()
		got, err := readAll(strings.NewReader(strings.Repeat(": keepalive\n\n", 1000)+"data: a\n\n"), 100)
		if !errors.Is(err, io.EOF) || len(got) != 1 {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

// A large event must not leave its buffer with a stream that then is idle.
func TestLargeBufferIsGivenBack(t *testing.T) {
	t.Parallel()
	src := io.MultiReader(strings.NewReader("data: "+strings.Repeat("x", 1<<20)+"\n\n"), iotest.OneByteReader(strings.NewReader("data: a\n\n")))
	var asked int
	r := sse.NewReader(readerFunc(func(p []byte) (int, error) {
		asked = len(p)
		return src.Read(p)
	}), 8<<20)
	for range 2 {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if asked > 4<<10 {
		t.Errorf("still reads into %d bytes", asked)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestErrorOfTheSource(t *testing.T) {
	t.Parallel()
	broken := errors.New("reset")
	got, err := readAll(io.MultiReader(strings.NewReader("data: a\n\ndata: b\n"), iotest.ErrReader(broken)), 100)
	if !errors.Is(err, broken) {
		t.Errorf("ended with %v, want the source's error", err)
	}
	compare(t, "before it", got, []seen{{Data: "a"}}) // the broken event is none
}

func TestSourceThatGivesNothing(t *testing.T) {
	t.Parallel()
	_, err := readAll(readerFunc(func([]byte) (int, error) { return 0, nil }), 100)
	if !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("ended with %v, want io.ErrNoProgress", err)
	}
}

// reference reads a whole stream as the standard says it, line by line.
func reference(text string) []seen {
	text = strings.TrimPrefix(text, "\xef\xbb\xbf")
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	lines := strings.Split(text, "\n")
	var all []seen
	name, data := "", []string(nil)
	for i, line := range lines {
		atEnd := i == len(lines)-1
		if line != "" {
			field, value, _ := strings.Cut(line, ":")
			value = strings.TrimPrefix(value, " ")
			switch field {
			case "data":
				data = append(data, value)
			case "event":
				name = value
			}
		}
		if (line == "" || atEnd) && data != nil {
			all = append(all, seen{name, strings.Join(data, "\n"), atEnd})
		}
		if line == "" {
			name, data = "", nil
		}
	}
	return all
}

// FuzzSSE splits a stream anywhere: the events stay those of the reference.
func FuzzSSE(f *testing.F) {
	f.Add([]byte("data: {\"a\":1}\n\ndata: [DONE]\n\n"), uint16(3))
	f.Add([]byte("\xef\xbb\xbfevent: x\r\ndata: a\r\ndata:b\r\n\r\n: c\r\r\rdata"), uint16(1))
	f.Add([]byte("data: a\r\n\ndata: b\n\r\n"), uint16(7))
	f.Fuzz(func(t *testing.T, text []byte, step uint16) {
		want := reference(string(text))
		src := &chopped{text: text, step: step}
		r := sse.NewReader(src, 1<<20)
		var got []seen
		for {
			ready, reads := r.Ready(), src.reads
			e, err := r.Next()
			if ready && src.reads != reads {
				t.Fatal("what was ready had to be read")
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("ended with %v", err)
			}
			got = append(got, seen{string(e.Name), string(e.Data), e.Unterminated})
		}
		compare(t, "chopped", got, want)
	})
}

// chopped gives its text in pieces of changing length.
type chopped struct {
	text  []byte
	step  uint16
	reads int
}

func (c *chopped) Read(p []byte) (int, error) {
	c.reads++
	if len(c.text) == 0 {
		return 0, io.EOF
	}
	c.step = c.step*25173 + 13849
	n := copy(p, c.text[:min(len(c.text), 1+int(c.step>>12))])
	c.text = c.text[n:]
	return n, nil
}

func BenchmarkNext(b *testing.B) {
	chunk := "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" word\"}}]}\n\n"
	text := []byte(strings.Repeat(chunk, 1000))
	b.SetBytes(int64(len(chunk)))
	b.ReportAllocs()
	var r *sse.Reader
	for i := range b.N {
		if i%1000 == 0 {
			r = sse.NewReader(bytes.NewReader(text), 1<<20)
		}
		if _, err := r.Next(); err != nil {
			b.Fatal(err)
		}
	}
}

// What is ready is delivered without another read, and what is not would need one.
func TestReady(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"data: a\n\n":                  true,
		"data: a\r\n\r\n":              true,
		"data: a\r\r":                  true,
		": hi\n\nevent: x\ndata:a\n\n": true,
		"data:\n\ndata: a\n\n":         true,
		"":                             false,
		"data: a\n":                    false,
		"data: a\r\n":                  false,
		"data: a":                      false,
		": hi\n\n":                     false,
		"\n\n\n":                       false,
		"event: ping\n\n":              false,
		"data:\n\n":                    false,
		"data: \n\n":                   false,
		"id: 1\n\ndata: a\n":           false,
	} {
		for _, before := range []string{"data: first\n\n", "data: first\r\n\r\n", "data: first\r\r"} {
			reads := 0
			src := iotest.DataErrReader(strings.NewReader(before + text))
			r := sse.NewReader(readerFunc(func(p []byte) (int, error) {
				reads++
				return src.Read(p)
			}), 1000)
			if _, err := r.Next(); err != nil {
				t.Fatal(err)
			}
			if got := r.Ready(); got != want {
				t.Errorf("%q behind %q: ready is %t, want %t", text, before, got, want)
			}
			if !want {
				continue
			}
			already := reads
			if _, err := r.Next(); err != nil || reads != already {
				t.Errorf("%q behind %q: %d more reads, %v", text, before, reads-already, err)
			}
		}
	}
}
