// The providers that one and the same program is run against, and what each of them
// cannot do: a member that names an error, or a loss, is the one that its caller sees.
import { suite, test } from 'node:test';

/**
 * providers are the rows:
 *   model, thinker    a model, and one that shows what it thinks; none: no model does
 *   embedder, size    a model of vectors, and how long they are
 *   fixed, tokenless  its vectors have one length; it takes texts alone
 *   unforced          the member that is lost where calls of tools cannot be forced
 *   remembers         it refuses calls of tools without what was thought before them
 *   schema            the member that is lost where a reply cannot be held to a schema
 *   image, imageURL   the error for an image, inline or at a URL; none: it is taken
 *   unlisted          it keeps responses, but does not list what led to them
 *   waits             it keeps responses, but makes none in the background
 *   loses             a member that is lost
 */
export const providers = [
  { name: 'openai', model: 'gpt-4o-mini', embedder: 'text-embedding-3-small', size: 1536 },
  { name: 'azure', model: 'gpt-4.1', embedder: 'text-embedding-3-large', size: 3072 },
  { name: 'groq', model: 'llama-3.3-70b-versatile', thinker: 'qwen/qwen3-32b', loses: 'logit_bias' },
  { name: 'xai', model: 'grok-3', thinker: 'grok-3-mini', loses: 'logit_bias', unlisted: true, waits: true },
  { name: 'openrouter', model: 'openai/gpt-4o-mini', thinker: 'deepseek/deepseek-r1', embedder: 'openai/text-embedding-3-small', size: 1536, tokenless: true },
  { name: 'deepseek', model: 'deepseek-chat', thinker: 'deepseek-reasoner', schema: 'response_format.json_schema', image: {}, imageURL: {}, loses: 'logit_bias', remembers: true },
  { name: 'mistral', model: 'mistral-small-latest', thinker: 'magistral-medium-2507', embedder: 'mistral-embed', size: 1024, fixed: true, tokenless: true, loses: 'logit_bias' },
  { name: 'vllm', model: 'meta-llama/Llama-3.1-8B-Instruct', thinker: 'Qwen/Qwen3-8B', embedder: 'intfloat/e5-mistral-7b-instruct', size: 4096, fixed: true },
  { name: 'ollama', model: 'llama3.2', thinker: 'qwen3:8b', embedder: 'nomic-embed-text', size: 768, tokenless: true, unforced: 'tool_choice', imageURL: { code: 'invalid_value', param: /image_url/ }, loses: 'logit_bias' },
  { name: 'openai_compatible', model: 'local-model', thinker: 'local-thinking', embedder: 'local-embed', size: 384 },
];

/** responders are the providers, and those that answer responses themselves as others do not. */
export const responders = [
  ...providers,
  ...['groq', 'openrouter', 'vllm', 'ollama'].map((type) => ({ ...providers.find((p) => p.name === type), name: `${type}-own` })),
];

/** thinkers are those with a model that shows what it thinks. */
export const thinkers = responders.filter((p) => p.thinker);

/** each runs a test for every provider. */
export function each(name, run, rows = providers) {
  suite(name, () => {
    for (const p of rows) test(`${p.name} ${name}`, () => run({ ...p, model: `${p.name}/${p.model}` }, (model) => `${p.name}/${model}`));
  });
}
