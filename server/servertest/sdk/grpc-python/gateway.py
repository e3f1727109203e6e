"""What the tests share: a connection, the details of errors, sight of the provider."""

import json
import os
import subprocess
import unittest
import uuid

import grpc
import status_pb2
from signalbox.chat.v1 import chat_pb2, chat_service_pb2, chat_service_pb2_grpc
from signalbox.common.v1 import errors_pb2

# Bounds every wait, in seconds; reaching it is a failure.
PATIENCE = 20

KEY = os.environ["OPENAI_API_KEY"]
LOG = os.environ["UPSTREAM_LOG"]


def new_id():
    """A request id that no other call has."""
    return f"python-{uuid.uuid4()}"


def fault(script):
    """Has the provider answer by a script, apart from those of other tests."""
    return f"fault/{script},id={uuid.uuid4()}"


def say(text, **members):
    """The parameters of one user message."""
    messages = [chat_pb2.ChatMessage(role="user", content=text)]
    return chat_pb2.ChatCompletionParams(model="gpt-4o-mini", messages=messages, **members)


def unary(text="Hello", **members):
    return chat_service_pb2.CreateChatCompletionRequest(params=say(text, **members))


def streamed(text="Hello", **members):
    return chat_service_pb2.StreamChatCompletionRequest(params=say(text, **members))


def named(request_id=None, key=KEY, timeout=PATIENCE):
    """How a call is made: with a key, a request id and a bound."""
    metadata = [("x-request-id", request_id or new_id())]
    if key:
        metadata.append(("authorization", f"Bearer {key}"))
    return {"metadata": metadata, "timeout": timeout}


def entries(request_id, event):
    """What the provider has seen of a request so far."""
    with open(LOG, encoding="utf-8") as log:
        lines = [json.loads(line) for line in log if line.endswith("\n")]
    return [e for e in lines if e["client_request_id"] == request_id and e["event"] == event]


def seen(request_id, event):
    """Waits until the provider has seen an event of a request."""
    command = ["timeout", str(PATIENCE), "tail", "-n", "+1", "-f", LOG]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as tail:
        try:
            for line in tail.stdout:
                entry = json.loads(line)
                if entry["client_request_id"] == request_id and entry["event"] == event:
                    return entry
        finally:
            tail.terminate()
    raise AssertionError(f"the provider never saw {event} of {request_id}")


def text_of(messages):
    """What a stream says."""
    return "".join(c.delta.content for m in messages for c in m.chunk.choices)


class GatewayTest(unittest.TestCase):
    """A test with a connection to the gateway."""

    @classmethod
    def setUpClass(cls):
        cls.channel = grpc.insecure_channel(
            os.environ["SIGNALBOX_GRPC"], options=[("grpc.max_receive_message_length", 16 << 20)]
        )
        cls.addClassCleanup(cls.channel.close)
        cls.chat = chat_service_pb2_grpc.ChatServiceStub(cls.channel)

    def assert_fails(self, call, request_id, code, reason, status, param=""):
        """Asserts the status of a call with its details, and returns the delay that
        it asks for, in seconds."""
        with self.assertRaises(grpc.RpcError) as caught:
            call()
        error = caught.exception
        self.assertEqual(error.code(), code, error)
        trailers = {name: value for name, value in error.trailing_metadata()}
        details = status_pb2.Status.FromString(trailers["grpc-status-details-bin"]).details
        api, info, retry = errors_pb2.ApiError(), status_pb2.ErrorInfo(), status_pb2.RetryInfo()
        unpacked = [d.Unpack(api) or d.Unpack(info) or d.Unpack(retry) for d in details]
        self.assertIn(True, unpacked)
        self.assertEqual(api.message, error.details())
        self.assertEqual(errors_pb2.ErrorReason.Name(api.reason), f"ERROR_REASON_{reason}")
        self.assertEqual((api.http_status, api.param), (status, param))
        self.assertEqual((info.domain, info.reason), ("signalbox", f"ERROR_REASON_{reason}"))
        self.assertEqual(info.metadata["request_id"], request_id)
        self.assertEqual(api.info.request_id, request_id)
        return retry.retry_delay.seconds
