package upstream_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
)

// frames is a peer that speaks HTTP/2 frame by frame. Each stream is handed to
// serve with the count of streams so far, over all connections.
func frames(t *testing.T, serve func(nth int, f *http2.Framer, stream uint32)) (string, authority) {
	t.Helper()
	ca := newAuthority(t, "127.0.0.1", time.Now().Add(time.Hour))
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{ca.cert}, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for nth := 0; ; {
			c, err := l.Accept()
			if err != nil {
				return
			}
			nth = talk(c, nth, serve)
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-ended
	})
	return "https://" + l.Addr().String() + "/v1", ca
}

// talk serves one connection to its end.
func talk(c net.Conn, nth int, serve func(int, *http2.Framer, uint32)) int {
	defer c.Close()
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(c, preface); err != nil {
		return nth
	}
	f := http2.NewFramer(c, c)
	if f.WriteSettings() != nil {
		return nth
	}
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return nth
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				_ = f.WriteSettingsAck()
			}
		case *http2.HeadersFrame:
			nth++
			serve(nth, f, frame.StreamID)
		case *http2.GoAwayFrame:
			return nth
		}
	}
}

// answer sends a whole reply on a stream.
func answer(f *http2.Framer, stream uint32) {
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	_ = e.WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
	_ = e.WriteField(hpack.HeaderField{Name: "content-type", Value: "application/json"})
	_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block.Bytes(), EndHeaders: true})
	_ = f.WriteData(stream, true, []byte("{}"))
}

// What HTTP/2 says was not processed is asked for again, and is no attempt.
func TestStreamsThatWereNotProcessed(t *testing.T) {
	t.Parallel()
	for name, refuse := range map[string]func(*http2.Framer, uint32){
		"refused stream": func(f *http2.Framer, stream uint32) { _ = f.WriteRSTStream(stream, http2.ErrCodeRefusedStream) },
		"connection going away": func(f *http2.Framer, _ uint32) {
			_ = f.WriteGoAway(0, http2.ErrCodeNo, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, ca := frames(t, func(nth int, f *http2.Framer, stream uint32) {
				if nth == 1 {
					refuse(f, stream)
					return
				}
				answer(f, stream)
			})
			p := params(url, configv1.HttpVersion_HTTP_VERSION_2, bounds())
			p.RootCAs = ca.pool
			o := unary(t, newClient(t, p))
			if o.err != nil || o.text != "{}" || len(o.call.Exchange.Attempts) != 1 {
				t.Errorf("got %q, %v in %d attempts", o.text, o.err, len(o.call.Exchange.Attempts))
			}
		})
	}
}
