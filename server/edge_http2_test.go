package server_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	"github.com/signalbox-ai/signalbox/providers/providertest"
	"github.com/signalbox-ai/signalbox/server/servertest"
)

// frames is a client that speaks HTTP/2 frame by frame.
type frames struct {
	*http2.Framer
	t     *testing.T
	conn  net.Conn
	block bytes.Buffer
	hpack *hpack.Encoder
	// settings is what the server announced.
	settings map[http2.SettingID]uint32
	// window is the connection's, as the server announced it.
	window uint32
}

// speak says hello, and hears what the server announces.
func speak(t *testing.T, conn net.Conn) *frames {
	t.Helper()
	t.Cleanup(func() { _ = conn.Close() }) // the gateway may have been faster
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	f := &frames{Framer: http2.NewFramer(conn, conn), t: t, conn: conn, settings: map[http2.SettingID]uint32{}, window: 65535}
	f.hpack = hpack.NewEncoder(&f.block)
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	f.AllowIllegalWrites = true
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	f.must(f.WriteSettings())
	f.must(f.WritePing(false, [8]byte{1})) // what was announced is announced before the answer
	f.until(func(frame http2.Frame) bool {
		ping, ok := frame.(*http2.PingFrame)
		return ok && ping.IsAck()
	})
	return f
}

// speakREST is speak for the REST door, which has HTTP/2 over TLS.
func speakREST(t *testing.T, gw *servertest.Gateway, cert *servertest.Certificate) *frames {
	t.Helper()
	dialer := tls.Dialer{Config: &tls.Config{RootCAs: cert.Roots, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12}}
	conn, err := dialer.DialContext(t.Context(), "tcp", gw.Server.HTTPAddr())
	if err != nil {
		t.Fatal(err)
	}
	return speak(t, conn)
}

// speakGRPC is speak for the gRPC door, in the open.
func speakGRPC(t *testing.T, gw *servertest.Gateway) *frames {
	t.Helper()
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", gw.Server.GRPCAddr())
	if err != nil {
		t.Fatal(err)
	}
	return speak(t, conn)
}

func (f *frames) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// until reads frames up to one that is waited for. Nil: the connection ended before.
func (f *frames) until(found func(http2.Frame) bool) http2.Frame {
	f.t.Helper()
	for {
		frame, err := f.ReadFrame()
		var timeout net.Error
		switch {
		case errors.As(err, &timeout) && timeout.Timeout():
			f.t.Fatal("the frame that is waited for does not come")
		case err != nil:
			return nil
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			f.must(frame.ForeachSetting(func(s http2.Setting) error {
				f.settings[s.ID] = s.Val
				return nil
			}))
		case *http2.WindowUpdateFrame:
			if frame.StreamID == 0 {
				f.window += frame.Increment
			}
		}
		if found(frame) {
			return frame
		}
	}
}

// head is a header block of names and values.
func (f *frames) head(fields ...string) []byte {
	f.block.Reset()
	for i := 0; i+1 < len(fields); i += 2 {
		f.must(f.hpack.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}))
	}
	return bytes.Clone(f.block.Bytes())
}

// open begins a stream.
func (f *frames) open(stream uint32, end bool, fields ...string) error {
	return f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: f.head(fields...), EndHeaders: true, EndStream: end})
}

// pour sends data as the server's windows allow, and ends the stream.
func (f *frames) pour(stream uint32, data []byte) {
	f.t.Helper()
	conn, own := int64(f.window), int64(f.settings[http2.SettingInitialWindowSize])
	for len(data) > 0 {
		for conn <= 0 || own <= 0 {
			frame := f.until(func(frame http2.Frame) bool {
				_, ok := frame.(*http2.WindowUpdateFrame)
				return ok
			})
			update, ok := frame.(*http2.WindowUpdateFrame)
			switch {
			case !ok:
				f.t.Fatal("the connection ended")
			case update.StreamID == 0:
				conn += int64(update.Increment)
			default:
				own += int64(update.Increment)
			}
		}
		n := min(int64(len(data)), conn, own, 16<<10)
		f.must(f.WriteData(stream, n == int64(len(data)), data[:n]))
		data, conn, own = data[n:], conn-n, own-n
	}
}

// answer is how the server answers a stream: the fields of its last headers, or the
// frame that ended it.
func (f *frames) answer(stream uint32) (fields map[string]string, ended string) {
	f.t.Helper()
	fields = map[string]string{}
	frame := f.until(func(frame http2.Frame) bool {
		switch frame := frame.(type) {
		case *http2.MetaHeadersFrame:
			if frame.StreamID == stream {
				for _, field := range frame.Fields {
					fields[field.Name] = field.Value
				}
			}
			return frame.StreamID == stream && frame.StreamEnded()
		case *http2.DataFrame:
			return frame.StreamID == stream && frame.StreamEnded()
		case *http2.RSTStreamFrame:
			ended = frame.ErrCode.String()
			return frame.StreamID == stream
		case *http2.GoAwayFrame:
			ended = "GOAWAY " + frame.ErrCode.String()
			return true
		}
		return false
	})
	if frame == nil {
		ended = "closed"
	}
	return fields, ended
}

// restFields are those of a chat request over REST.
func restFields(path string) []string {
	return []string{
		":method", "POST", ":scheme", "https", ":authority", "x", ":path", path,
		"authorization", "Bearer " + servertest.MasterKey, "content-type", "application/json",
	}
}

// secured is a gateway with TLS.
func secured(t *testing.T, options ...servertest.Option) (*servertest.Gateway, *servertest.Certificate) {
	t.Helper()
	cert := servertest.NewCertificate(t)
	return servertest.Start(t, append(options, servertest.File("server:\n  "+cert.Text()+"\n"), servertest.Believe(cert))...), cert
}

// What a connection may cost is announced to it.
func TestHTTP2IsBounded(t *testing.T) {
	t.Parallel()
	up := providertest.Start(t)
	over, cert := secured(t, servertest.Upstream(up))
	open := servertest.Start(t, servertest.Upstream(up))
	for name, f := range map[string]*frames{"REST": speakREST(t, over, cert), "gRPC": speakGRPC(t, open)} {
		if got := f.settings[http2.SettingMaxConcurrentStreams]; got != 250 {
			t.Errorf("%s announces %d streams", name, got)
		}
		if got := f.settings[http2.SettingInitialWindowSize]; got != 256<<10 {
			t.Errorf("%s announces a window of %d for streams", name, got)
		}
		if f.window != 1<<20 {
			t.Errorf("%s announces a window of %d", name, f.window)
		}
		if got := f.settings[http2.SettingMaxHeaderListSize]; got == 0 || got > 68<<10 {
			t.Errorf("%s announces %d bytes of headers", name, got)
		}
	}
}

// Streams beyond the bound are refused; those within it go on.
func TestStreamsBeyondTheBound(t *testing.T) {
	t.Parallel()
	up := providertest.Start(t)
	over, cert := secured(t, servertest.Upstream(up))
	open := servertest.Start(t, servertest.Upstream(up))
	for name, door := range map[string]struct {
		f      *frames
		fields []string
	}{"REST": {speakREST(t, over, cert), restFields(chatPath)}, "gRPC": {speakGRPC(t, open), grpcFields(streamRPC)}} {
		for i := range uint32(251) { // none of them sends its body
			door.f.must(door.f.open(2*i+1, false, door.fields...))
		}
		if fields, ended := door.f.answer(501); ended != "REFUSED_STREAM" {
			t.Errorf("%s: the stream too many got %v, %s", name, fields, ended)
		}
	}
}

// A client that opens streams and resets them hurts nobody else.
func TestRapidReset(t *testing.T) {
	t.Parallel()
	up := providertest.Start(t)
	over, cert := secured(t, servertest.Upstream(up))
	open := servertest.Start(t, servertest.Upstream(up))
	body := []byte(servertest.ChatBody(model, "x", `"stream":true`))
	request := message(t, &chatv1.StreamChatCompletionRequest{Params: &chatv1.ChatCompletionParams{Model: model, MessagesJson: `[{"role":"user","content":"x"}]`}})
	for name, attack := range map[string]struct {
		gw     *servertest.Gateway
		f      *frames
		fields []string
		body   []byte
	}{"REST": {over, speakREST(t, over, cert), restFields(chatPath), body}, "gRPC": {open, speakGRPC(t, open), grpcFields(streamRPC), request}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gw := attack.gw.In(t)
			var attacking sync.WaitGroup
			attacking.Go(func() {
				for i := range uint32(1000) {
					stream := 2*i + 1
					err := attack.f.open(stream, false, attack.fields...)
					if err == nil && i%2 == 0 {
						err = attack.f.WriteData(stream, true, attack.body)
					}
					if err == nil {
						err = attack.f.WriteRSTStream(stream, http2.ErrCodeCancel)
					}
					if err != nil {
						return // the gateway has had enough
					}
				}
			})
			for range 20 {
				if reply := gw.Post(chatPath, servertest.ChatBody(model, "honest")); reply.Status != 200 {
					t.Errorf("an honest call got %d %s", reply.Status, reply.Body)
				}
			}
			attacking.Wait()
			if reply := gw.Post(chatPath, servertest.ChatBody(model, "honest")); reply.Status != 200 {
				t.Errorf("an honest call got %d %s", reply.Status, reply.Body)
			}
		})
	}
}

// Frames that only cost the one who reads them end their connection, or are of no
// weight.
func TestFloodsOfFrames(t *testing.T) {
	t.Parallel()
	up := providertest.Start(t)
	over, cert := secured(t, servertest.Upstream(up))
	open := servertest.Start(t, servertest.Upstream(up))
	for _, flood := range []struct {
		name  string
		frame func(f *frames, i int) error
	}{
		{"headers without an end", func(f *frames, i int) error {
			block := f.head("x-a", strings.Repeat("y", 8000))
			if i == 0 {
				return f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: f.head(grpcFields(chatRPC)...)})
			}
			return f.WriteContinuation(1, false, block)
		}},
		{"pings", func(f *frames, i int) error { return f.WritePing(false, [8]byte{2, byte(i)}) }},
		{"settings", func(f *frames, i int) error {
			return f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: uint32(i)})
		}},
		{"priorities", func(f *frames, _ int) error { return f.WritePriority(1, http2.PriorityParam{StreamDep: 3}) }},
		{"windows", func(f *frames, _ int) error { return f.WriteWindowUpdate(0, 1) }},
	} {
		for name, f := range map[string]*frames{"REST": speakREST(t, over, cert), "gRPC": speakGRPC(t, open)} {
			t.Run(flood.name+", "+name, func(t *testing.T) {
				t.Parallel()
				gw := open.In(t)
				if name == "REST" {
					gw = over.In(t)
				}
				for i := range 5000 { // nothing is read meanwhile
					if err := flood.frame(f, i); err != nil {
						break
					}
				}
				if reply := gw.Post(chatPath, servertest.ChatBody(model, "honest")); reply.Status != 200 {
					t.Errorf("an honest call got %d %s", reply.Status, reply.Body)
				}
			})
		}
	}
}

// More headers than announced cost a stream.
func TestHeaderListsBeyondTheBound(t *testing.T) {
	t.Parallel()
	up := providertest.Start(t)
	over, cert := secured(t, servertest.Upstream(up))
	open := servertest.Start(t, servertest.Upstream(up))
	large := []string{"x-a", strings.Repeat("y", 35<<10), "x-b", strings.Repeat("y", 35<<10)}
	for name, door := range map[string]struct {
		f      *frames
		fields []string
	}{"REST": {speakREST(t, over, cert), restFields(chatPath)}, "gRPC": {speakGRPC(t, open), grpcFields(chatRPC)}} {
		block := door.f.head(append(door.fields, large...)...)
		first, rest := block[:16<<10], block[16<<10:]
		door.f.must(door.f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: first, EndStream: true}))
		for len(rest) > 0 {
			n := min(len(rest), 16<<10)
			if err := door.f.WriteContinuation(1, n == len(rest), rest[:n]); err != nil {
				break
			}
			rest = rest[n:]
		}
		if fields, ended := door.f.answer(1); fields[":status"] != "431" && ended == "" {
			t.Errorf("%s: got %v", name, fields)
		}
	}
}
