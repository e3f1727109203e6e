package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
)

// rpc is one call with a generated client, as a typed caller makes it. It returns when
// the first piece of the reply was there.
type rpc func(context.Context, *grpc.ClientConn) (first time.Time, err error)

// grpcCaller makes a call again and again.
type grpcCaller struct {
	ctx     context.Context //nolint:containedctx // one turn's: credentials and deadline
	channel *grpc.ClientConn
	rpc     rpc
	// end cancels ctx; the channel is closed with the caller that opened it.
	end   context.CancelFunc
	owner bool
}

// newChannels opens the connections that callers share.
func newChannels(address string, n int) ([]*grpc.ClientConn, error) {
	var channels []*grpc.ClientConn
	for range n {
		channel, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return channels, err
		}
		channels = append(channels, channel)
	}
	return channels, nil
}

func newGRPCCaller(ctx context.Context, channel *grpc.ClientConn, owner bool, rpc rpc) caller {
	c := &grpcCaller{channel: channel, rpc: rpc, owner: owner}
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+key)
	c.ctx, c.end = context.WithTimeout(ctx, callTimeout)
	return c
}

func (c *grpcCaller) close() error {
	c.end()
	if !c.owner {
		return nil
	}
	return c.channel.Close()
}

func (c *grpcCaller) call() (time.Time, error) { return c.rpc(c.ctx, c.channel) }

// receive reads a stream to its end, and counts its messages that are chunks.
func receive[M any, P interface {
	*M
	GetInfo() *commonv1.CallInfo
}](stream grpc.ServerStreamingClient[M], want int, isChunk func(P) bool) (first time.Time, err error) {
	chunks, end := 0, commonv1.CallEnd_CALL_END_UNSPECIFIED
	for {
		reply, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return first, err
		}
		if first.IsZero() {
			first = time.Now()
		}
		if isChunk(reply) {
			chunks++
		}
		end = P(reply).GetInfo().GetEnd()
	}
	if end != commonv1.CallEnd_CALL_END_COMPLETED {
		return first, fmt.Errorf("the stream ended as %v", end)
	}
	return first, counted(chunks, want)
}
