"""Chat completions, unary and streamed, from their beginning to every end."""

import grpc
from gateway import GatewayTest, entries, fault, named, new_id, say, seen, streamed, text_of, unary
from signalbox.chat.v1 import chat_pb2, chat_service_pb2
from signalbox.common.v1 import common_pb2

PLACE = '{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}'
TOOLS = [
    chat_pb2.ChatTool(function=chat_pb2.FunctionDefinition(name=name, parameters_json=PLACE))
    for name in ("weather", "traffic")
]


class Unary(GatewayTest):
    def test_answers_with_its_facts(self):
        request_id = new_id()
        reply, call = self.chat.CreateChatCompletion.with_call(unary(), **named(request_id))
        choice = reply.completion.choices[0]
        self.assertEqual((choice.message.content, choice.finish_reason), ("You said: Hello", "stop"))
        info = reply.info
        self.assertEqual(
            (info.request_id, info.provider_type, info.attempts, info.end),
            (request_id, "openai", 1, common_pb2.CALL_END_COMPLETED),
        )
        self.assertEqual(info.usage.input + info.usage.output, reply.completion.usage.total_tokens)
        header = dict(call.initial_metadata())
        for name, value in {
            "x-request-id": request_id,
            "x-signalbox-plan": info.plan_digest,
            "x-signalbox-provider": "openai",
            "x-signalbox-model": info.model,
            "x-ratelimit-remaining-requests": "9999",
        }.items():
            self.assertEqual(header.get(name), value, name)
        self.assertEqual(len(entries(request_id, "arrived")), 1)

    def test_says_the_same_with_the_verbatim_twins(self):
        function = '{"type":"function","function":{"name":"%s","parameters":' + PLACE + "}}"
        twin = chat_pb2.ChatCompletionParams(
            model="gpt-4o-mini",
            messages_json='[{"role":"user","content":"How is the weather?"}]',
            tools_json=f'[{function % "weather"},{function % "traffic"}]',
        )
        request = chat_service_pb2.CreateChatCompletionRequest(params=twin)
        a = self.chat.CreateChatCompletion(unary("How is the weather?", tools=TOOLS), **named())
        b = self.chat.CreateChatCompletion(request, **named())
        self.assertEqual(a.completion, b.completion)
        self.assertEqual(a.info.plan_digest, b.info.plan_digest)
        self.assertEqual(b.completion.choices[0].message.tool_calls[0].function.arguments, '{"city":"text"}')

    def test_calls_tools_and_takes_their_answers(self):
        reply = self.chat.CreateChatCompletion(unary("Go", tools=TOOLS, tool_choice="required"), **named())
        message = reply.completion.choices[0].message
        self.assertEqual([c.function.name for c in message.tool_calls], ["weather", "traffic"])
        params = say("Go", tools=TOOLS)
        params.messages.append(message)
        for call in message.tool_calls:
            params.messages.add(role="tool", tool_call_id=call.id, content="Sunny.")
        request = chat_service_pb2.CreateChatCompletionRequest(params=params)
        reply = self.chat.CreateChatCompletion(request, **named())
        self.assertEqual(reply.completion.choices[0].message.content, "You said: Go")

    def test_keeps_every_character_and_long_texts(self):
        odd = 'Grüße, 世界 👩‍👩‍👧 e\u0301 "\\/\b\f\n\r\t\u0001\u2028\u2029 </script>&'
        reply = self.chat.CreateChatCompletion(unary(odd), **named())
        self.assertEqual(reply.completion.choices[0].message.content, f"You said: {odd}")
        reply = self.chat.CreateChatCompletion(unary("long " * 200_000, user=fault("line=3000000")), **named())
        self.assertEqual(len(reply.completion.choices[0].message.content), 3_000_000)


class Stream(GatewayTest):
    def test_has_its_facts_first_and_last(self):
        for usage in (False, True):
            with self.subTest(usage=usage):
                options = chat_pb2.ChatStreamOptions(include_usage=True) if usage else None
                request_id = new_id()
                call = self.chat.StreamChatCompletion(streamed(stream_options=options), **named(request_id))
                messages = list(call)
                first, last = messages[0], messages[-1]
                self.assertEqual(text_of(messages), "You said: Hello")
                self.assertEqual((first.info.request_id, first.info.end), (request_id, common_pb2.CALL_END_UNSPECIFIED))
                self.assertEqual(last.info.end, common_pb2.CALL_END_COMPLETED)
                self.assertGreater(last.info.usage.output, 0)
                self.assertEqual([m.HasField("chunk") for m in messages], [True] * (len(messages) - 1) + [False])
                self.assertFalse(any(m.HasField("info") for m in messages[1:-1]))
                self.assertEqual(sum(m.chunk.HasField("usage") for m in messages), int(usage))
                header = dict(call.initial_metadata())
                self.assertEqual(header["x-request-id"], request_id)
                self.assertEqual(header["x-signalbox-plan"], first.info.plan_digest)

    def test_has_tool_calls_in_pieces(self):
        choice = chat_pb2.ChatToolChoice(function=chat_pb2.ToolName(name="weather"))
        call = self.chat.StreamChatCompletion(streamed("Go", tools=TOOLS, tool_choice_object=choice), **named())
        pieces = [t for m in call for c in m.chunk.choices for t in c.delta.tool_calls]
        self.assertGreater(len(pieces), 2)
        self.assertEqual("".join(p.function.arguments for p in pieces), '{"city":"text"}')

    def test_that_breaks_has_its_facts_and_then_the_status(self):
        for script in ("truncate-after=3", "reset-after=3", "no-done"):
            with self.subTest(script):
                request_id, messages = new_id(), []
                call = self.chat.StreamChatCompletion(streamed(user=fault(script)), **named(request_id))
                self.assert_fails(
                    lambda: messages.extend(call),
                    request_id, grpc.StatusCode.UNAVAILABLE, "UPSTREAM_TRUNCATED", 502,
                )
                self.assertEqual(messages[-1].info.end, common_pb2.CALL_END_TRUNCATED)


class Leaving(GatewayTest):
    def assert_aborted(self, request_id):
        self.assertTrue(seen(request_id, "ended")["aborted"])
        self.assertEqual(len(entries(request_id, "arrived")), 1)

    def test_a_cancelled_call_ends_at_the_provider(self):
        request_id = new_id()
        call = self.chat.CreateChatCompletion.future(unary(user=fault("hang")), **named(request_id))
        seen(request_id, "arrived")
        call.cancel()
        self.assertEqual(call.code(), grpc.StatusCode.CANCELLED)
        self.assert_aborted(request_id)

    def test_a_cancelled_stream_ends_at_the_provider(self):
        request_id = new_id()
        call = self.chat.StreamChatCompletion(streamed(user=fault("hang-after=3")), **named(request_id))
        next(call)
        call.cancel()
        self.assertEqual(call.code(), grpc.StatusCode.CANCELLED)
        self.assert_aborted(request_id)

    def test_a_call_whose_deadline_passes_ends_at_the_provider(self):
        request_id = new_id()
        with self.assertRaises(grpc.RpcError) as caught:
            self.chat.CreateChatCompletion(unary(user=fault("hang")), **named(request_id, timeout=1))
        self.assertEqual(caught.exception.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        self.assert_aborted(request_id)

    def test_a_stream_whose_deadline_passes_ends_at_the_provider(self):
        request_id = new_id()
        call = self.chat.StreamChatCompletion(streamed(user=fault("hang-after=3")), **named(request_id, timeout=1))
        with self.assertRaises(grpc.RpcError) as caught:
            list(call)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        self.assert_aborted(request_id)


class Errors(GatewayTest):
    def test_have_a_status_with_details(self):
        code = grpc.StatusCode
        empty = say("")
        del empty.messages[:]
        unknown = say("Hello")
        unknown.model = "no-such-model"
        for name, params, key, want in (
            ("an unknown model", unknown, None, (code.NOT_FOUND, "MODEL_NOT_FOUND", 404, "model")),
            ("no messages", empty, None, (code.INVALID_ARGUMENT, "INVALID_FIELD", 400, "messages")),
            ("an unknown parameter", say("Hello", extra_json='{"frobnicate":1}'), None,
             (code.INVALID_ARGUMENT, "UPSTREAM_REJECTED", 400, "frobnicate")),
            ("a wrong key", say("Hello"), "sk-of-nobody", (code.UNAUTHENTICATED, "CREDENTIALS_INVALID", 401)),
            ("no key", say("Hello"), "", (code.UNAUTHENTICATED, "CREDENTIALS_MISSING", 401)),
            ("a rate limit", say("Hello", user=fault("status=429,retry-after=20")), None,
             (code.RESOURCE_EXHAUSTED, "UPSTREAM_RATE_LIMITED", 429)),
            ("an overload", say("Hello", user=fault("status=503")), None,
             (code.UNAVAILABLE, "UPSTREAM_OVERLOADED", 503)),
        ):
            how = {} if key is None else {"key": key}
            with self.subTest(name):
                request_id = new_id()
                request = chat_service_pb2.CreateChatCompletionRequest(params=params)
                delay = self.assert_fails(
                    lambda: self.chat.CreateChatCompletion(request, **named(request_id, **how)), request_id, *want
                )
                self.assertEqual(delay, 20 if name == "a rate limit" else 0)
            with self.subTest(f"{name}, streamed"):
                request_id = new_id()
                request = chat_service_pb2.StreamChatCompletionRequest(params=params)
                self.assert_fails(
                    lambda: list(self.chat.StreamChatCompletion(request, **named(request_id, **how))), request_id, *want
                )
