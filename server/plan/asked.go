package plan

import (
	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	modelsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/models/v1"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// asked is what is asked of a model, whatever the RPC.
type asked struct {
	work work
	// model is the selector.
	model   string
	options *commonv1.CallOptions
	// params is what goes to the provider.
	params proto.Message
	stream bool
}

// work is a kind of work that models do.
type work struct {
	// ability is the one that a model needs for it.
	ability modelsv1.Capability
	// done says whether an instance does it.
	done func(Instance) bool
	// not is what is said of who does not, "does not answer …".
	not string
}

// chat is what a chat RPC asks.
func chat(params *chatv1.ChatCompletionParams, options *commonv1.CallOptions, stream bool) asked {
	return asked{
		work: work{
			ability: modelsv1.Capability_CAPABILITY_CHAT,
			done:    func(i Instance) bool { return i.Chats },
			not:     "does not answer chat completions",
		},
		model: params.GetModel(), options: options, params: params, stream: stream,
	}
}

// inputBytes is how long the messages or the input of a request are, as JSON. It is
// asked only where a route has a condition for it: typed messages are written down
// for it.
func inputBytes(params proto.Message) int64 {
	request, ok := params.(*chatv1.ChatCompletionParams)
	switch {
	case !ok:
		return 0
	case request.GetMessagesJson() != "":
		return int64(len(request.GetMessagesJson()))
	}
	length := int64(len("[]"))
	var b []byte
	for i, message := range request.GetMessages() {
		b = codec.AppendChatMessage(b[:0], message, wire.Request)
		length += int64(len(b) + min(i, 1)) // and its comma
	}
	return length
}
