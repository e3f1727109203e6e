package rest

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// gzipFrom is the size from which a reply is compressed; below it the time is worth
// more than the bytes.
const gzipFrom = 8 << 10

// compressor compresses whole replies. Streams never pass it.
type compressor struct{ writers sync.Pool }

func newCompressor() *compressor {
	return &compressor{writers: sync.Pool{New: func() any {
		w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is valid
		return w
	}}}
}

// compress returns what to send for b, and says so in the header.
func (z *compressor) compress(header http.Header, b []byte) []byte {
	if len(b) < gzipFrom {
		return b
	}
	w, _ := z.writers.Get().(*gzip.Writer)
	defer z.writers.Put(w)
	var out bytes.Buffer
	out.Grow(len(b) / 3)
	w.Reset(&out)
	if _, err := w.Write(b); err != nil {
		return b
	}
	if err := w.Close(); err != nil {
		return b
	}
	header.Set("Content-Encoding", "gzip")
	header.Add("Vary", "Accept-Encoding")
	return out.Bytes()
}

// acceptsGzip reads Accept-Encoding as RFC 9110, 12.5.3 has it, for gzip alone.
func acceptsGzip(header http.Header) bool {
	for _, part := range strings.Split(header.Get("Accept-Encoding"), ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			_, weight, weighed := strings.Cut(strings.ReplaceAll(strings.ToLower(params), " ", ""), "q=")
			q, err := strconv.ParseFloat(weight, 32)
			return !weighed || err == nil && q > 0
		}
	}
	return false
}
