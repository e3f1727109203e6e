// Uses the client that openapi-typescript generates, in the ways in which a user
// would. It is compiled, never run: what does not fit the API is a compile error.
import type { components, operations, paths } from "./api";

type Schemas = components["schemas"];

const least: Schemas["ChatCompletionParams"] = {
  model: "m",
  messages: [{ role: "user", content: "hi" }],
};

const most: Schemas["ChatCompletionParams"] = {
  model: "m",
  messages: [
    { role: "user", content: [{ type: "text", text: "x", cache_control: { type: "ephemeral" } }] },
    { role: "assistant", content: null, tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: "{}" } }] },
    { role: "tool", tool_call_id: "c", content: "1" },
  ],
  stop: ["a"],
  tool_choice: { type: "function", function: { name: "f" } },
  tools: [{ type: "function", function: { name: "f", parameters: { type: "object" } } }],
  logit_bias: { "50256": -100 },
  seed: 12,
  stream: true,
  top_k: 4,
};

const word: Schemas["ChatCompletionParams"] = { ...least, stop: "a", tool_choice: "auto", temperature: null };

// @ts-expect-error A request has messages.
const noMessages: Schemas["ChatCompletionParams"] = { model: "m" };

// @ts-expect-error `stop` is a text or a list of texts.
const badStop: Schemas["ChatCompletionParams"] = { ...least, stop: 1 };

type Answers = operations["createChatCompletion"]["responses"][200]["content"];

function read(reply: Answers["application/json"]): string {
  const object: "chat.completion" = reply.object;
  const choice = reply.choices[0];
  const reason: string | null | undefined = choice?.finish_reason;
  const content = choice?.message?.content;
  return `${object} ${reason} ${typeof content === "string" ? content : ""}`;
}

function readEvent(event: Answers["text/event-stream"]): string {
  if ("error" in event) {
    return (event as Schemas["ErrorReply"]).error.message;
  }
  const chunk = event as Schemas["ChatCompletionChunk"];
  return chunk.choices.map((choice) => choice.delta?.content ?? "").join("");
}

const list: NonNullable<paths["/admin/api/v1/audit/log"]["get"]["parameters"]["query"]> = {
  limit: 10,
  request_id: "r",
  reason: "model_not_found",
  stream: true,
};

// @ts-expect-error There is no such reason.
const badReason: typeof list = { reason: "MODEL_NOT_FOUND" };

// @ts-expect-error Gateway options are no query parameters of their own, but for `provider`.
const badOption: NonNullable<paths["/v1/chat/completions"]["post"]["parameters"]["query"]> = { "options.provider": "x" };

const model: paths["/v1/models/{model}"]["get"]["parameters"]["path"] = { model: "openai/gpt-4o" };

function failed(status: 404): operations["createChatCompletion"]["responses"][typeof status]["content"]["application/json"] {
  return { error: { message: "m", type: "t", param: null, code: null } };
}

export { badOption, badReason, badStop, failed, least, list, model, most, noMessages, read, readEvent, word };
