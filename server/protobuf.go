package server

import (
	"fmt"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"github.com/signalbox-ai/signalbox/server/buffers"
)

// protobuf is gRPC's own codec, but for its buffers: a message waits for its client in
// one that fits it. Those of gRPC's own pool have 1 MiB from 32 KiB on.
type protobuf struct{ buffers *buffers.Pool }

var _ encoding.CodecV2 = protobuf{}

// Marshal implements encoding.CodecV2.
func (p protobuf) Marshal(v any) (mem.BufferSlice, error) {
	message, ok := v.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("marshal %T, which is no message", v)
	}
	options := proto.MarshalOptions{UseCachedSize: true}
	size := proto.Size(message) // caches the sizes
	if mem.IsBelowBufferPoolingThreshold(size) {
		b, err := options.Marshal(message)
		return mem.BufferSlice{mem.SliceBuffer(b)}, err //nolint:wrapcheck // its text says it all
	}
	buffer := p.buffers.Get(size)
	b, err := options.MarshalAppend((*buffer)[:0], message)
	if err != nil {
		p.buffers.Put(buffer)
		return nil, err //nolint:wrapcheck // its text says it all
	}
	*buffer = b
	return mem.BufferSlice{mem.NewBuffer(buffer, p.buffers)}, nil
}

// Unmarshal implements encoding.CodecV2.
func (p protobuf) Unmarshal(data mem.BufferSlice, v any) error {
	message, ok := v.(proto.Message)
	if !ok {
		return fmt.Errorf("unmarshal %T, which is no message", v)
	}
	buffer := data.MaterializeToBuffer(p.buffers)
	defer buffer.Free()
	return proto.Unmarshal(buffer.ReadOnlyData(), message) //nolint:wrapcheck // its text says it all
}

// Name implements encoding.CodecV2.
func (protobuf) Name() string { return "proto" }
