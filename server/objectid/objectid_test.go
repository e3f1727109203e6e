package objectid_test

import (
	"errors"
	"regexp"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/signalbox-ai/signalbox/server/objectid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	keyA = "a key of at least thirty-two characters"
	keyB = "another key, that came after the first one"
)

func sealer(t testing.TB, keys ...string) *objectid.Sealer {
	t.Helper()
	s, err := objectid.New(keys)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// objects are ids as upstreams make them.
var objects = []struct {
	name    string
	ref     objectid.Ref
	longest int // of our id
}{
	{"a response of OpenAI", objectid.Ref{Prefix: "resp_", Instance: "openai", UpstreamID: "resp_68af4030baa48193b0b43b4c2a176a1a0e6967589f080e78"}, 85},
	{"a chat completion of OpenAI", objectid.Ref{Prefix: "chatcmpl-", Instance: "openai-eu", UpstreamID: "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT"}, 100},
	{"one of our own", objectid.Ref{Prefix: "conv_", UpstreamID: "0193a5f2-7c1e-7f00-8a4b-0123456789ab"}, 66},
	{"another provider's prefix", objectid.Ref{Prefix: "msg_", Instance: "anthropic", UpstreamID: "msg_01XFDUDYJgAACzvnptvVoYEL"}, 95},
	{"no prefix at all", objectid.Ref{Prefix: "file-", Instance: "gemini", UpstreamID: "files/abc-123"}, 90},
	{"only the prefix", objectid.Ref{Prefix: "fc_", Instance: "x", UpstreamID: "fc_"}, 60},
	{"digits of an odd number", objectid.Ref{Prefix: "rs_", Instance: "x", UpstreamID: "rs_abc"}, 60},
	{"upper-case digits", objectid.Ref{Prefix: "rs_", Instance: "x", UpstreamID: "rs_ABCD"}, 60},
	{"an upper-case UUID", objectid.Ref{Prefix: "rs_", Instance: "x", UpstreamID: "0193A5F2-7C1E-7F00-8A4B-0123456789AB"}, 100},
	{"any text", objectid.Ref{Prefix: "batch_", Instance: "x", UpstreamID: "\"ä\\\n\x00 xsb1_"}, 80},
	{"the longest", objectid.Ref{Prefix: "batch_", Instance: strings.Repeat("i", objectid.MaxInstance), UpstreamID: strings.Repeat("u", objectid.MaxUpstreamID)}, 470},
}

func TestIDsComeBack(t *testing.T) {
	t.Parallel()
	s := sealer(t, keyA)
	shape := regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	var seen sync.Map
	for _, test := range objects {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := test.ref
			id := s.Seal(r.Prefix, r.Instance, "/team/alpha", r.UpstreamID)
			if !shape.MatchString(id) || !strings.HasPrefix(id, r.Prefix) || len(id) > test.longest {
				t.Errorf("the id is %s, %d long", id, len(id))
			}
			if _, twice := seen.LoadOrStore(id, true); twice {
				t.Errorf("another object has the id %s", id)
			}
			if again := s.Seal(r.Prefix, r.Instance, "/team/alpha", r.UpstreamID); again != id {
				t.Errorf("the second time it is %s, the first time %s", again, id)
			}
			if got, err := s.Open(id, "/team/alpha"); err != nil || got != r {
				t.Errorf("Open = %+v, %v, want %+v", got, err, r)
			}
		})
	}
}

// Whatever is wrong with an id, its owner's neighbours and forgers read the same.
func TestForeignAndForgedIDsAreNotFound(t *testing.T) {
	t.Parallel()
	s := sealer(t, keyA)
	const owner = "/team/alpha"
	id := s.Seal("resp_", "openai", owner, "resp_68af4030")
	for _, foreign := range []string{"", "/", "/team", "/team/alpha/bob", "/team/alpha/", "/team/beta"} {
		if _, err := s.Open(id, foreign); err != objectid.ErrNotFound { //nolint:errorlint // alike, not only of a kind
			t.Errorf("%q opens an id of %s: %v", foreign, owner, err)
		}
	}
	forged := []string{
		strings.Replace(id, "resp_", "conv_", 1), strings.Replace(id, "resp_", "resp-", 1), "x_" + id,
		strings.Replace(id, "xsb1_", "xsb2_", 1), id[:len(id)-1], id + "A", id + "AAAA", id + "=", id + "\n", "resp_xsb1_", "resp_xsb1_A",
		strings.Repeat("p", 100) + "_" + id, "resp_xsb1_" + strings.Repeat("A", 5000), sealer(t, keyB).Seal("resp_", "openai", owner, "resp_68af4030"),
	}
	for i := len("resp_xsb1_"); i < len(id); i++ { // every character counts
		other := byte('A')
		if id[i] == other {
			other = 'B'
		}
		forged = append(forged, id[:i]+string(other)+id[i+1:])
	}
	for _, f := range forged {
		if ref, err := s.Open(f, owner); err != objectid.ErrNotFound { //nolint:errorlint // as before
			t.Errorf("Open(%s) = %+v, %v", f, ref, err)
		}
	}
}

func TestRawIDs(t *testing.T) {
	t.Parallel()
	s := sealer(t, keyA)
	for _, raw := range []string{"", "resp_68af4030", "chatcmpl-xsb", "xsb1_AAAA", "respxsb1_AAAA", "resp_xsb_AAAA", "resp_xsbx_AAAA", "resp_xsb1", "resp_xsb1-AAAA"} {
		if _, err := s.Open(raw, "/"); !errors.Is(err, objectid.ErrRaw) {
			t.Errorf("Open(%q) = %v, want ErrRaw", raw, err)
		}
	}
}

func TestKeysRotate(t *testing.T) {
	t.Parallel()
	before, during, after := sealer(t, keyA), sealer(t, keyB, keyA), sealer(t, keyB)
	old := before.Seal("resp_", "openai", "/a", "resp_1")
	renewed := during.Seal("resp_", "openai", "/a", "resp_1")
	if old == renewed || renewed != after.Seal("resp_", "openai", "/a", "resp_1") {
		t.Error("the newest key does not seal")
	}
	for _, id := range []string{old, renewed} {
		if ref, err := during.Open(id, "/a"); err != nil || ref.UpstreamID != "resp_1" {
			t.Errorf("with both keys: %+v, %v", ref, err)
		}
		if _, err := during.Open(id, "/b"); !errors.Is(err, objectid.ErrNotFound) {
			t.Errorf("with both keys a foreign owner gets %v", err)
		}
	}
	if _, err := after.Open(old, "/a"); !errors.Is(err, objectid.ErrNotFound) {
		t.Errorf("an id whose key is gone: %v", err)
	}
	for _, keys := range [][]string{nil, {}, {""}, {keyA, ""}} {
		if _, err := objectid.New(keys); err == nil {
			t.Errorf("%q are keys", keys)
		}
	}
}

func FuzzOpen(f *testing.F) {
	s := sealer(f, keyA)
	for _, test := range objects {
		f.Add(test.ref.Prefix, test.ref.Instance, test.ref.UpstreamID, s.Seal(test.ref.Prefix, test.ref.Instance, "/a", test.ref.UpstreamID))
	}
	f.Fuzz(func(t *testing.T, prefix, instance, upstreamID, id string) {
		// What opens is exactly what was sealed.
		if ref, err := s.Open(id, "/a"); err == nil && s.Seal(ref.Prefix, ref.Instance, "/a", ref.UpstreamID) != id {
			t.Errorf("%q opens as %+v, which has another id", id, ref)
		}
		prefix += "_"
		if len(prefix) > objectid.MaxPrefix || len(instance) > objectid.MaxInstance || len(upstreamID) > objectid.MaxUpstreamID || upstreamID == "" || strings.Contains(prefix, "xsb") {
			return
		}
		want := objectid.Ref{Prefix: prefix, Instance: instance, UpstreamID: upstreamID}
		sealed := s.Seal(prefix, instance, "/a", upstreamID)
		if got, err := s.Open(sealed, "/a"); err != nil || got != want {
			t.Errorf("%+v came back as %+v, %v", want, got, err)
		}
		if _, err := s.Open(sealed, "/b"); !errors.Is(err, objectid.ErrNotFound) {
			t.Errorf("a foreign owner gets %v", err)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	s := sealer(b, keyA)
	b.ReportAllocs()
	for b.Loop() {
		s.Seal("resp_", "openai", "/team/alpha", "resp_68af4030baa48193b0b43b4c2a176a1a0e6967589f080e78")
	}
}

func BenchmarkOpen(b *testing.B) {
	s := sealer(b, keyA)
	id := s.Seal("resp_", "openai", "/team/alpha", "resp_68af4030baa48193b0b43b4c2a176a1a0e6967589f080e78")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Open(id, "/team/alpha"); err != nil {
			b.Fatal(err)
		}
	}
}
