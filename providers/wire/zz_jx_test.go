package wire_test

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/go-faster/jx"
)

func BenchmarkZJx(b *testing.B) {
	for _, c := range conversations(b) {
		body := []byte(c.body)
		b.Run(c.name+"/jx.Skip", func(b *testing.B) {
			b.SetBytes(int64(len(c.body)))
			for b.Loop() {
				if err := jx.DecodeBytes(body).Skip(); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(c.name+"/jx.Skip+utf8", func(b *testing.B) {
			b.SetBytes(int64(len(c.body)))
			for b.Loop() {
				if err := jx.DecodeBytes(body).Skip(); err != nil || !utf8.Valid(body) {
					b.Fatal(err)
				}
			}
		})
		b.Run(c.name+"/json.Valid", func(b *testing.B) {
			b.SetBytes(int64(len(c.body)))
			for b.Loop() {
				if !json.Valid(body) {
					b.Fatal()
				}
			}
		})
	}
}
