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

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
)

// grpcCaller calls with the generated client, as a typed caller does.
type grpcCaller struct {
	ctx    context.Context //nolint:containedctx // one turn's: credentials and deadline
	client chatv1.ChatServiceClient
	params *chatv1.ChatCompletionParams
	stream bool
	chunks int
	// end cancels ctx; conn is closed with the caller that opened it.
	end  context.CancelFunc
	conn *grpc.ClientConn
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

func newGRPCCaller(ctx context.Context, channel *grpc.ClientConn, owner bool, b bench, params *chatv1.ChatCompletionParams, chunks int) caller {
	c := &grpcCaller{client: chatv1.NewChatServiceClient(channel), params: params, stream: b.streams(), chunks: chunks}
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+key)
	c.ctx, c.end = context.WithTimeout(ctx, callTimeout)
	if owner {
		c.conn = channel
	}
	return c
}

func (c *grpcCaller) close() error {
	c.end()
	if c.conn == nil {
		return nil
	}
	return c.conn.Close()
}

func (c *grpcCaller) call() (time.Time, error) {
	if c.stream {
		return c.callStream()
	}
	reply, err := c.client.CreateChatCompletion(c.ctx, &chatv1.CreateChatCompletionRequest{Params: c.params})
	first := time.Now()
	if err != nil {
		return first, err
	}
	if choices := reply.GetCompletion().GetChoices(); len(choices) == 0 || choices[0].GetFinishReason() == "" {
		return first, fmt.Errorf("not a whole completion: %v", reply)
	}
	return first, nil
}

func (c *grpcCaller) callStream() (first time.Time, err error) {
	stream, err := c.client.StreamChatCompletion(c.ctx, &chatv1.StreamChatCompletionRequest{Params: c.params})
	if err != nil {
		return first, err
	}
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
		if len(reply.GetChunk().GetChoices()) > 0 {
			chunks++
		}
		end = reply.GetInfo().GetEnd()
	}
	if end != commonv1.CallEnd_CALL_END_COMPLETED {
		return first, fmt.Errorf("the stream ended as %v", end)
	}
	if chunks < c.chunks || chunks > c.chunks+3 {
		return first, fmt.Errorf("the stream has %d chunks, not %d", chunks, c.chunks)
	}
	return first, nil
}
