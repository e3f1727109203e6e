// What the tests share: clients of the gateway, and sight of what the provider saw.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import OpenAI from 'openai';

/** patience bounds every wait, in milliseconds; reaching it is a failure. */
export const patience = 20_000;

/** client is made as any user makes it: from OPENAI_BASE_URL and OPENAI_API_KEY. */
export const client = new OpenAI({ timeout: patience });

/** once is a client that never tries again, so that a test sees the first answer. */
export const once = new OpenAI({ timeout: patience, maxRetries: 0 });

/** named is a request id and the options that send it. */
export function named(options = {}) {
  const id = `node-${randomUUID()}`;
  return { id, options: { ...options, headers: { 'X-Request-Id': id } } };
}

/** fault has the provider answer by a script, apart from those of other tests. */
export function fault(script) {
  return { user: `fault/${script},id=${randomUUID()}` };
}

/** say is a request of one user message. */
export function say(content, members = {}) {
  return { model: 'gpt-4o-mini', messages: [{ role: 'user', content }], ...members };
}

/** entries are what the provider has seen of a request so far. */
export function entries(id, event) {
  const lines = readFileSync(process.env.UPSTREAM_LOG, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line)).filter((e) => e.client_request_id === id && e.event === event);
}

/** seen waits until the provider has seen an event of a request. */
export async function seen(id, event) {
  const tail = spawn('tail', ['-n', '+1', '-f', process.env.UPSTREAM_LOG], { stdio: ['ignore', 'pipe', 'inherit'] });
  const timer = setTimeout(() => tail.kill(), patience);
  try {
    for await (const line of createInterface({ input: tail.stdout })) {
      const entry = JSON.parse(line);
      if (entry.client_request_id === id && entry.event === event) return entry;
    }
  } finally {
    clearTimeout(timer);
    tail.kill();
  }
  throw new Error(`the provider never saw ${event} of ${id}`);
}

/** all reads a stream to its end. */
export async function all(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

/** textOf is what a stream says in one of its choices. */
export function textOf(chunks, index = 0) {
  return chunks.flatMap((c) => c.choices).filter((c) => c.index === index).map((c) => c.delta.content ?? '').join('');
}
