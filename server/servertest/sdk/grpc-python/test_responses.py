"""Responses, conversations and embeddings."""

import grpc
from gateway import GatewayTest, named, new_id
from signalbox.common.v1 import common_pb2
from signalbox.conversations.v1 import conversations_service_pb2, conversations_service_pb2_grpc
from signalbox.embeddings.v1 import embeddings_service_pb2, embeddings_service_pb2_grpc
from signalbox.responses.v1 import responses_service_pb2, responses_service_pb2_grpc

# Those that answer responses themselves, and those whose chat the gateway does it by.
RESPONDERS = ("openai/gpt-4o-mini", "xai/grok-3", "deepseek/deepseek-chat", "groq-own/llama-3.3-70b-versatile")

# Models of vectors, and how long these are.
EMBEDDERS = {"openai/text-embedding-3-small": 1536, "mistral/mistral-embed": 1024, "ollama/nomic-embed-text": 768}


def text_of(item):
    """What an item says."""
    return "".join(part.text for part in item.message.content_parts)


def output_text(response):
    """What a response says."""
    return "".join(text_of(item) for item in response.output)


class Responses(GatewayTest):
    def setUp(self):
        self.responses = responses_service_pb2_grpc.ResponsesServiceStub(self.channel)

    def create(self, request_id=None, **params):
        return self.responses.CreateResponse(responses_service_pb2.CreateResponseRequest(params=params), **named(request_id))

    def test_they_are_made_streamed_and_deleted(self):
        for model in RESPONDERS:
            with self.subTest(model):
                request_id = new_id()
                made = self.create(request_id, model=model, input="Hello")
                self.assertEqual(output_text(made.response), "You said: Hello")
                self.assertEqual((made.info.request_id, made.info.end), (request_id, common_pb2.CALL_END_COMPLETED))
                params = {"model": model, "input": "Again", "previous_response_id": made.response.id}
                messages = list(self.responses.StreamResponse(responses_service_pb2.StreamResponseRequest(params=params), **named()))
                events = [m.event for m in messages if m.HasField("event")]
                self.assertEqual([e.sequence_number for e in events], list(range(len(events))))
                said = "".join(e.delta.delta for e in events if e.type == "response.output_text.delta")
                self.assertEqual((said, events[-1].type), ("You said: Again", "response.completed"))
                self.assertEqual(output_text(events[-1].lifecycle.response), said)
                self.assertEqual(messages[-1].info.end, common_pb2.CALL_END_COMPLETED)
                self.responses.DeleteResponse(responses_service_pb2.DeleteResponseRequest(response_id=made.response.id), **named())
                with self.assertRaises(grpc.RpcError) as caught:
                    self.responses.GetResponse(responses_service_pb2.GetResponseRequest(response_id=made.response.id), **named())
                self.assertEqual(caught.exception.code(), grpc.StatusCode.NOT_FOUND)

    def test_a_conversation_with_all_of_them(self):
        conversations = conversations_service_pb2_grpc.ConversationsServiceStub(self.channel)
        made = conversations.CreateConversation(conversations_service_pb2.CreateConversationRequest(params={}), **named()).conversation
        want = []
        for model in RESPONDERS:
            reply = self.create(model=model, input=model, conversation=made.id)
            self.assertEqual(output_text(reply.response), f"You said: {model}")
            want += [model, f"You said: {model}"]
        request = conversations_service_pb2.ListConversationItemsRequest(conversation_id=made.id, order="asc")
        listed = conversations.ListConversationItems(request, **named()).items.data
        self.assertEqual([text_of(item) for item in listed], want)


class Embeddings(GatewayTest):
    def test_they_are_packed_numbers_in_every_format(self):
        stub = embeddings_service_pb2_grpc.EmbeddingsServiceStub(self.channel)
        for model, size in EMBEDDERS.items():
            with self.subTest(model):
                vectors = []
                for form in ({}, {"encoding_format": "float"}, {"encoding_format": "base64"}):
                    params = {"model": model, "inputs": ["Hello", "World"], **form}
                    reply = stub.CreateEmbeddings(embeddings_service_pb2.CreateEmbeddingsRequest(params=params), **named())
                    self.assertEqual([(e.index, len(e.vector)) for e in reply.embeddings.data], [(0, size), (1, size)])
                    self.assertGreater(reply.info.usage.input, 0)
                    vectors.append(list(reply.embeddings.data[0].vector))
                self.assertEqual(vectors[1:], [vectors[0]] * 2)
