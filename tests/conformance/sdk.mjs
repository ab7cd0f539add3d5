// The vendors' official clients against the simulator. Arguments: its URL, a model it knows, a text that names a case.
// Prints `ok NAME` or `FAILED NAME | why` a test.
import assert from 'node:assert/strict';
import OpenAI, { AzureOpenAI } from 'openai';
import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI, ApiError } from '@google/genai';
import { BedrockRuntimeClient, ConverseCommand } from '@aws-sdk/client-bedrock-runtime';
import { NodeHttpHandler } from '@smithy/node-http-handler';

const [url, model, text] = process.argv.slice(2);
const schema = {
  type: 'object', additionalProperties: false, required: ['triage'],
  properties: { triage: { type: 'string', enum: ['non-urgent', 'less-urgent', 'urgent', 'emergent', 'immediate'] } },
};
const words = schema.properties.triage.enum;

async function control(settings) {
  const reply = await fetch(url + '/control', { method: 'POST', body: JSON.stringify(settings) });
  assert.equal(reply.status, 200, await reply.text());
}

async function requests() {
  return (await (await fetch(url + '/stats')).json()).requests;
}

async function test(name, body) {
  try {
    await control({ faults: {}, keys: [], limits: { rpm: 0, tpm: 0, empty: false }, latency: null });
    await body();
    console.log('ok ' + name);
  } catch (e) {
    console.log(`FAILED ${name} | ${String(e.stack ?? e).split('\n').slice(0, 4).join(' ')}`);
  }
}

// Asks until both an answer and a refusal have been seen: the truth file plants refusals.
async function both(ask, isRefusal, check) {
  let answers = 0, refusals = 0;
  for (let i = 0; i < 60 && (answers === 0 || refusals === 0); i++) {
    const reply = await ask();
    if (isRefusal(reply)) refusals++;
    else { answers++; check(reply); }
  }
  assert.ok(answers > 0 && refusals > 0, `${answers} answers, ${refusals} refusals`);
}

async function fails(call, kind, status) {
  const error = await call().then(() => null, (e) => e);
  assert.ok(error instanceof kind, `want ${kind.name}, got ${error?.constructor?.name}: ${error?.message}`);
  if (status !== undefined) assert.equal(error.status, status);
  return error;
}

// ---- the clients with a class for each error ---------------------------------------------------------

const openai = (options) => new OpenAI({ apiKey: 'good', baseURL: url + '/v1', maxRetries: 0, ...options });
const azure = (options) => new AzureOpenAI({ apiKey: 'good', endpoint: url, apiVersion: '2024-10-21', deployment: model, maxRetries: 0, ...options });
const anthropic = (options) => new Anthropic({ apiKey: 'good', baseURL: url, maxRetries: 0, ...options });
const google = (options) => new GoogleGenAI({ apiKey: options?.apiKey ?? 'good', httpOptions: { baseUrl: url, ...options } });

const chatFormat = { type: 'json_schema', json_schema: { name: 'q', strict: true, schema } };
const dialects = {
  'openai chat': {
    E: OpenAI,
    ask: (more, options) => openai(options).chat.completions.create({
      model, messages: [{ role: 'system', content: 'Be brief.' }, { role: 'user', content: text }], response_format: chatFormat, ...more }),
    wrong: { temperature: 3 }, cap: { max_completion_tokens: 1 },
    isRefusal: (r) => r.choices[0].message.refusal != null,
    text: (r) => r.choices[0].message.content,
    check: (r) => { assert.equal(r.choices[0].finish_reason, 'stop'); assert.ok(r.usage.prompt_tokens > 0); assert.match(r._request_id, /^req_/); },
    isCut: (r) => r.choices[0].finish_reason === 'length',
    missing: OpenAI.NotFoundError, quota: [OpenAI.RateLimitError, 429],
  },
  'azure chat': {
    E: OpenAI,
    ask: (more, options) => azure(options).chat.completions.create({
      messages: [{ role: 'user', content: text }], model, response_format: chatFormat, ...more }),
    wrong: { temperature: 3 }, cap: { max_completion_tokens: 1 },
    isRefusal: (r) => r.choices[0].message.refusal != null,
    text: (r) => r.choices[0].message.content,
    check: (r) => assert.equal(r.model, model),
    isCut: (r) => r.choices[0].finish_reason === 'length',
    quota: [OpenAI.RateLimitError, 429],
  },
  'openai responses': {
    E: OpenAI,
    ask: (more, options) => openai(options).responses.create({
      model, instructions: 'Be brief.', input: text, store: false, text: { format: { type: 'json_schema', name: 'q', strict: true, schema } }, ...more }),
    wrong: { temperature: 3 }, cap: null,
    isRefusal: (r) => r.output.some((o) => o.content?.some((c) => c.type === 'refusal')),
    text: (r) => r.output_text,
    check: (r) => { assert.equal(r.status, 'completed'); assert.ok(r.usage.input_tokens > 0); },
    missing: OpenAI.BadRequestError, quota: [OpenAI.RateLimitError, 429],
  },
  'anthropic messages': {
    E: Anthropic,
    ask: (more, options) => anthropic(options).messages.create({
      model, max_tokens: 100, system: 'Be brief.', messages: [{ role: 'user', content: text }],
      output_config: { format: { type: 'json_schema', schema } }, ...more }),
    wrong: { temperature: 0.5 }, cap: { max_tokens: 1 }, // the version that this client sends has no temperature
    isRefusal: (r) => r.stop_reason === 'refusal',
    text: (r) => r.content[0].text,
    check: (r) => { assert.equal(r.stop_reason, 'end_turn'); assert.ok(r.usage.input_tokens > 0); assert.match(r._request_id, /^req_/); },
    isCut: (r) => r.stop_reason === 'max_tokens',
    missing: Anthropic.NotFoundError, quota: [Anthropic.BadRequestError, 400],
  },
};

for (const [name, d] of Object.entries(dialects)) {
  await test(`${name}: answers and refusals`, () => both(() => d.ask(), d.isRefusal, (r) => {
    d.check(r);
    assert.ok(words.includes(JSON.parse(d.text(r)).triage));
  }));
  if (d.cap) await test(`${name}: cut short`, async () => {
    for (let i = 0; i < 60; i++) if (d.isCut(await d.ask(d.cap))) return;
    assert.fail('never cut');
  });
  await test(`${name}: bad request`, () => fails(() => d.ask(d.wrong), d.E.BadRequestError, 400));
  await test(`${name}: unknown field`, () => fails(() => d.ask({ no_such_field: 1 }), d.E.BadRequestError, 400));
  await test(`${name}: bad key`, async () => {
    await control({ keys: ['good'] });
    await fails(() => d.ask({}, { apiKey: 'bad' }), d.E.AuthenticationError, 401);
    await d.ask();
  });
  if (d.missing) await test(`${name}: unknown model`, () => fails(() => d.ask({ model: 'no-such-model' }), d.missing));
  await test(`${name}: rate limit`, async () => {
    await control({ faults: { rate_limited: 1 } });
    const e = await fails(() => d.ask(), d.E.RateLimitError, 429);
    assert.ok(Number(e.headers.get('retry-after')) >= 0 && e.headers.get('retry-after') !== null);
  });
  await test(`${name}: quota`, async () => {
    await control({ faults: { quota: 1 } });
    await fails(() => d.ask(), ...d.quota);
  });
  for (const [fault, status] of [['server_error', 500], ['unavailable', 503], ['overloaded', 529]])
    await test(`${name}: ${status}`, async () => {
      await control({ faults: { [fault]: 1 } });
      await fails(() => d.ask(), d.E.InternalServerError, status);
    });
  await test(`${name}: reset`, async () => {
    await control({ faults: { reset: 1 } });
    await fails(() => d.ask(), d.E.APIConnectionError);
  });
  await test(`${name}: timeout`, async () => {
    await control({ faults: { hang: 1 } });
    await fails(() => d.ask({}, { timeout: 300 }), d.E.APIConnectionTimeoutError);
  });
  await test(`${name}: the client's own retries`, async () => {
    await control({ faults: { rate_limited: 1 } });
    const before = await requests();
    await fails(() => d.ask({}, { maxRetries: 2 }), d.E.RateLimitError, 429);
    assert.equal(await requests() - before, 3);
  });
}

// ---- limits in headers ----------------------------------------------------------------------------

await test('openai: limit headers', async () => {
  await control({ limits: { rpm: 600, tpm: 600000 } });
  const { response } = await dialects['openai chat'].ask().withResponse();
  const h = (name) => response.headers.get('x-ratelimit-' + name);
  assert.equal(h('limit-requests'), '600');
  assert.equal(h('limit-tokens'), '600000');
  for (const [what, limit] of [['requests', 600], ['tokens', 600000]]) { // the time until the bucket is full, rounded down to ms
    const remaining = Number(h('remaining-' + what));
    assert.ok(remaining < limit && remaining >= 0);
    const want = (limit - remaining) / limit * 60000;
    assert.ok(Math.abs(milliseconds(h('reset-' + what)) - want) <= 60000 / limit + 1, `${what}: ${h('reset-' + what)} for ${remaining}`);
  }
});

// Go's way to write a duration.
function milliseconds(text) {
  assert.match(text, /^(\d+(\.\d+)?(h|m|s|ms))+$/);
  const unit = { h: 3600e3, m: 60e3, s: 1e3, ms: 1 };
  return [...text.matchAll(/(\d+(?:\.\d+)?)(ms|h|m|s)/g)].reduce((sum, [, n, u]) => sum + Number(n) * unit[u], 0);
}

await test('openai: a 429 of a limit says when the request fits', async () => {
  await control({ limits: { rpm: 60, tpm: 0, burst_requests: 1 } });
  await dialects['openai chat'].ask();
  const e = await fails(() => dialects['openai chat'].ask(), OpenAI.RateLimitError, 429);
  const ms = Number(e.headers.get('retry-after-ms'));
  assert.ok(ms > 0 && ms <= 1000 && Number(e.headers.get('retry-after')) === Math.ceil(ms / 1000));
  const told = /Limit 60, Used \d+, Requested 1\. Please try again in (\S+?)\. Visit/.exec(e.message);
  assert.ok(told && Math.abs(milliseconds(told[1]) - ms) <= 1, e.message);
  assert.equal(e.code, 'rate_limit_exceeded');
  assert.equal(e.type, 'requests');
});

await test('azure: limit headers', async () => {
  await control({ limits: { rpm: 600, tpm: 600000 } });
  const { response } = await dialects['azure chat'].ask().withResponse();
  assert.match(response.headers.get('x-ratelimit-remaining-tokens'), /^\d+$/);
  assert.match(response.headers.get('x-ratelimit-reset-tokens'), /^\d+$/);
  assert.equal(response.headers.get('x-ratelimit-reset-requests'), null);
  assert.ok(response.headers.get('apim-request-id'));
});

for (const [name, path, body] of [
  ['gemini', `/v1beta/models/${encodeURIComponent(model)}:generateContent`, { contents: [{ role: 'user', parts: [{ text }] }] }],
  ['bedrock', `/model/${encodeURIComponent(model)}/converse`, { messages: [{ role: 'user', content: [{ text }] }], inferenceConfig: { maxTokens: 100 } }],
]) await test(`${name}: no header tells of limits`, async () => {
  await control({ limits: { rpm: 600, tpm: 600000 } });
  const reply = await fetch(url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  assert.equal(reply.status, 200, await reply.text());
  assert.deepEqual([...reply.headers.keys()].filter((k) => k.includes('limit')), []);
});

// ---- log probabilities --------------------------------------------------------------------------------

await test('openai chat: log probabilities', () => both(
  () => dialects['openai chat'].ask({ logprobs: true, top_logprobs: 3 }), dialects['openai chat'].isRefusal, (r) => {
    const tokens = r.choices[0].logprobs.content;
    assert.equal(tokens.map((t) => t.token).join(''), r.choices[0].message.content);
    assert.equal(tokens.length, r.usage.completion_tokens);
    for (const t of tokens) {
      assert.equal(t.top_logprobs.length, 3);
      assert.ok(t.logprob <= 0 && t.top_logprobs[0].logprob === t.logprob && t.top_logprobs[1].logprob < t.logprob);
    }
  }));
await test('openai responses: log probabilities', () => both(
  () => dialects['openai responses'].ask({ include: ['message.output_text.logprobs'], top_logprobs: 2 }), dialects['openai responses'].isRefusal, (r) => {
    const part = r.output[0].content[0];
    assert.equal(part.logprobs.map((t) => t.token).join(''), part.text);
    assert.ok(part.logprobs.every((t) => t.top_logprobs.length === 2));
  }));
await test('openai chat: top_logprobs without logprobs', () =>
  fails(() => dialects['openai chat'].ask({ top_logprobs: 3 }), OpenAI.BadRequestError, 400));

await test('anthropic: limit headers', async () => {
  await control({ limits: { rpm: 600, tpm: 600000 } });
  const { response } = await dialects['anthropic messages'].ask().withResponse();
  assert.equal(response.headers.get('anthropic-ratelimit-requests-limit'), '600');
  for (const what of ['requests', 'tokens']) {
    const reset = response.headers.get(`anthropic-ratelimit-${what}-reset`);
    assert.match(reset, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    const ahead = Date.parse(reset) - Date.parse(response.headers.get('date'));
    assert.ok(ahead >= 0 && ahead <= 61000, `${ahead} ms`);
  }
  assert.equal(Number(response.headers.get('anthropic-ratelimit-tokens-remaining')) % 1000, 0);
  assert.ok(response.headers.get('request-id'));
});

await test('anthropic: a forced tool', () => both(
  () => dialects['anthropic messages'].ask({ output_config: undefined, tools: [{ name: 'q', input_schema: schema }], tool_choice: { type: 'tool', name: 'q' } }),
  (r) => r.stop_reason === 'refusal',
  (r) => { assert.equal(r.stop_reason, 'tool_use'); assert.ok(words.includes(r.content[0].input.triage)); }));

await test('anthropic: max_tokens is required', () =>
  fails(() => dialects['anthropic messages'].ask({ max_tokens: undefined }), Anthropic.BadRequestError, 400));

// ---- Google: one class of error, told apart by status ------------------------------------------------

const generate = (config, options, which = model) => google(options).models.generateContent({
  model: which, contents: text,
  config: { systemInstruction: 'Be brief.', responseMimeType: 'application/json', responseJsonSchema: schema, seed: 7, temperature: 0.5, ...config } });

await test('gemini: answers and filtered ones', () => both(() => generate(),
  (r) => r.candidates[0].finishReason === 'SAFETY',
  (r) => {
    assert.equal(r.candidates[0].finishReason, 'STOP');
    assert.ok(words.includes(JSON.parse(r.text).triage));
    assert.ok(r.usageMetadata.promptTokenCount > 0 && r.modelVersion === model && r.responseId);
  }));
await test('gemini: cut short', async () => {
  for (let i = 0; i < 60; i++) if ((await generate({ maxOutputTokens: 1 })).candidates[0].finishReason === 'MAX_TOKENS') return;
  assert.fail('never cut');
});
await test('gemini: bad request', () => fails(() => generate({ temperature: 3 }), ApiError, 400));
await test('gemini: unknown model', () => fails(() => generate({}, {}, 'no-such-model'), ApiError, 404));
await test('gemini: bad key', async () => {
  await control({ keys: ['good'] });
  const e = await fails(() => generate({}, { apiKey: 'bad' }), ApiError, 400);
  assert.match(e.message, /API_KEY_INVALID/);
});
for (const [fault, status, word] of [['rate_limited', 429, /retryDelay/], ['quota', 429, /PerDay/], ['server_error', 500, /INTERNAL/],
  ['unavailable', 503, /UNAVAILABLE/], ['overloaded', 503, /overloaded/]])
  await test(`gemini: ${fault}`, async () => {
    await control({ faults: { [fault]: 1 } });
    const e = await fails(() => generate(), ApiError, status);
    assert.match(e.message, word);
  });
await test('gemini: log probabilities', () => both(() => generate({ responseLogprobs: true, logprobs: 3 }),
  (r) => r.candidates[0].finishReason === 'SAFETY',
  (r) => {
    const { chosenCandidates, topCandidates } = r.candidates[0].logprobsResult;
    assert.equal(chosenCandidates.map((t) => t.token).join(''), r.text);
    assert.ok(topCandidates.length === chosenCandidates.length && topCandidates.every((t) => t.candidates.length === 3));
    assert.ok(r.candidates[0].avgLogprobs < 0);
  }));
await test('gemini: reset', async () => {
  await control({ faults: { reset: 1 } });
  await fails(() => generate(), Error);
});

// ---- AWS: an API key as bearer; errors told apart by name ------------------------------------------------

const bedrock = (options) => new BedrockRuntimeClient({
  region: 'us-east-1', endpoint: url, token: { token: options?.apiKey ?? 'good' }, authSchemePreference: ['httpBearerAuth'],
  maxAttempts: options?.maxAttempts ?? 1, requestHandler: new NodeHttpHandler({ requestTimeout: options?.timeout ?? 30000, throwOnRequestTimeout: true }) });
const converse = (more, options, which = model) => bedrock(options).send(new ConverseCommand({
  modelId: which, system: [{ text: 'Be brief.' }], messages: [{ role: 'user', content: [{ text }] }],
  inferenceConfig: { maxTokens: 100, temperature: 0.5 },
  outputConfig: { textFormat: { type: 'json_schema', structure: { jsonSchema: { schema: JSON.stringify(schema), name: 'q' } } } }, ...more }));

async function throwsNamed(call, name, status) {
  const e = await call().then(() => null, (x) => x);
  assert.equal(e?.name, name, `${e?.name}: ${e?.message}`);
  if (status !== undefined) assert.equal(e.$metadata.httpStatusCode, status);
  return e;
}

await test('bedrock: answers and filtered ones', () => both(() => converse(), (r) => r.stopReason === 'content_filtered', (r) => {
  assert.equal(r.stopReason, 'end_turn');
  assert.ok(words.includes(JSON.parse(r.output.message.content[0].text).triage));
  assert.ok(r.usage.inputTokens > 0 && r.usage.totalTokens === r.usage.inputTokens + r.usage.outputTokens && r.$metadata.requestId);
}));
await test('bedrock: a forced tool', () => both(() => converse({ outputConfig: undefined, toolConfig: {
  tools: [{ toolSpec: { name: 'q', inputSchema: { json: schema } } }], toolChoice: { tool: { name: 'q' } } } }),
  (r) => r.stopReason === 'content_filtered',
  (r) => { assert.equal(r.stopReason, 'tool_use'); assert.ok(words.includes(r.output.message.content[0].toolUse.input.triage)); }));
await test('bedrock: cut short', async () => {
  for (let i = 0; i < 60; i++) if ((await converse({ inferenceConfig: { maxTokens: 1 } })).stopReason === 'max_tokens') return;
  assert.fail('never cut');
});
await test('bedrock: bad request', () => throwsNamed(() => converse({ inferenceConfig: { temperature: 3 } }), 'ValidationException', 400));
await test('bedrock: unknown model', () => throwsNamed(() => converse({}, {}, 'no-such-model'), 'ValidationException', 400));
await test('bedrock: bad key', async () => {
  await control({ keys: ['good'] });
  await throwsNamed(() => converse({}, { apiKey: 'bad' }), 'AccessDeniedException', 403);
  await converse();
});
for (const [fault, name, status] of [['rate_limited', 'ThrottlingException', 429], ['quota', 'ServiceQuotaExceededException', 400],
  ['server_error', 'InternalServerException', 500], ['unavailable', 'ServiceUnavailableException', 503]])
  await test(`bedrock: ${fault}`, async () => {
    await control({ faults: { [fault]: 1 } });
    await throwsNamed(() => converse(), name, status);
  });
await test('bedrock: timeout', async () => {
  await control({ faults: { hang: 1 } });
  await throwsNamed(() => converse({}, { timeout: 300 }), 'TimeoutError');
});
await test('bedrock: reset', async () => {
  await control({ faults: { reset: 1 } });
  assert.equal((await converse().then(() => null, (e) => e))?.code, 'ECONNRESET');
});
await test("bedrock: the client's own retries", async () => {
  await control({ faults: { rate_limited: 1 } });
  const before = await requests();
  await throwsNamed(() => converse({}, { maxAttempts: 3 }), 'ThrottlingException', 429);
  assert.equal(await requests() - before, 3);
});
