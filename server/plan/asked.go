package plan

import (
	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	embeddingsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/embeddings/v1"
	modelsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/models/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
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
	// store says that the reply shall be kept.
	store bool
}

// work is a kind of work that models do.
type work struct {
	// ability is the one that a model needs for it.
	ability modelsv1.Capability
	// done says whether an instance does it.
	done func(Instance) bool
	// native says whether an instance does it without the gateway's help. Nil: as done.
	native func(Instance) bool
	// keeps says whether an instance keeps what is stored of it. Nil: nothing is.
	keeps func(Instance) bool
	// not is what is said of who does not, "does not answer …".
	not string
}

// chat is what a chat RPC asks.
func chat(params *chatv1.ChatCompletionParams, options *commonv1.CallOptions, stream bool) asked {
	return asked{
		work: work{
			ability: modelsv1.Capability_CAPABILITY_CHAT,
			done:    func(i Instance) bool { return i.Chats },
			keeps:   keepsCompletions,
			not:     "does not answer chat completions",
		},
		model: params.GetModel(), options: options, params: params, stream: stream, store: params.GetStore(),
	}
}

// response is what an RPC asks that makes a response. It is kept unless the request says
// otherwise.
func response(params *responsesv1.ResponseParams, options *commonv1.CallOptions, stream bool) asked {
	return asked{
		work: work{
			ability: modelsv1.Capability_CAPABILITY_CHAT,
			done:    func(i Instance) bool { return i.Responds || i.Chats },
			native:  func(i Instance) bool { return i.Responds },
			keeps:   keepsResponses,
			not:     "does not answer responses",
		},
		model: params.GetModel(), options: options, params: params, stream: stream, store: params.Store == nil || params.GetStore(),
	}
}

// counting is what is asked to count the tokens of an input.
func counting(params *responsesv1.ResponseParams, options *commonv1.CallOptions) asked {
	return asked{
		work: work{
			ability: modelsv1.Capability_CAPABILITY_CHAT,
			done:    func(i Instance) bool { return i.Counts },
			not:     "does not count the tokens of an input",
		},
		model: params.GetModel(), options: options, params: params,
	}
}

// compacting is what is asked to compact a context.
func compacting(params *responsesv1.ResponseParams, options *commonv1.CallOptions) asked {
	return asked{
		work: work{
			ability: modelsv1.Capability_CAPABILITY_CHAT,
			done:    func(i Instance) bool { return i.Compacts || i.Chats },
			native:  func(i Instance) bool { return i.Compacts },
			not:     "does not compact a context",
		},
		model: params.GetModel(), options: options, params: params,
	}
}

// embedding is what is asked to turn texts into vectors.
func embedding(params *embeddingsv1.EmbeddingParams, options *commonv1.CallOptions) asked {
	return asked{
		work: work{
			ability: modelsv1.Capability_CAPABILITY_EMBEDDINGS,
			done:    func(i Instance) bool { return i.Embeds },
			not:     "does not turn texts into vectors",
		},
		model: params.GetModel(), options: options, params: params,
	}
}

// emulated says whether the gateway must do for an instance what is asked.
func (a asked) emulated(i Instance) bool {
	if a.work.native != nil {
		return !a.work.native(i)
	}
	return a.keptHere(i)
}

// keptHere says whether the gateway must keep what an instance answers.
func (a asked) keptHere(i Instance) bool {
	return a.store && a.work.keeps != nil && !a.work.keeps(i)
}

// inputBytes is how long the messages or the input of a request are, as JSON. It is
// asked only where a route has a condition for it: typed messages are written down
// for it.
func inputBytes(params proto.Message) int64 {
	switch request := params.(type) {
	case *chatv1.ChatCompletionParams:
		if request.GetMessagesJson() != "" {
			return int64(len(request.GetMessagesJson()))
		}
		return written(request.GetMessages(), codec.AppendChatMessage)
	case *responsesv1.ResponseParams:
		if text := request.GetInput() + request.GetInputJson(); text != "" {
			return int64(len(text))
		}
		return written(request.GetInputItems(), codec.AppendItem)
	case *embeddingsv1.EmbeddingParams:
		return int64(proto.Size(request))
	default:
		return 0
	}
}

// written is how long messages are as a JSON array.
func written[M proto.Message](list []M, write func([]byte, M, wire.Mode) []byte) int64 {
	length := int64(len("[]"))
	var b []byte
	for i, message := range list {
		b = write(b[:0], message, wire.Request)
		length += int64(len(b) + min(i, 1)) // and its comma
	}
	return length
}
