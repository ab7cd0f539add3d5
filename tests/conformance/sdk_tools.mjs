// The vendors' official clients drive the simulator's tool calls: each one's loop as its vendor teaches it. Arguments: the simulator's URL, a model that calls.
// Prints `ok NAME` or `FAILED NAME | why` a test.
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI, ApiError } from '@google/genai';
import { BedrockRuntimeClient, ConverseCommand } from '@aws-sdk/client-bedrock-runtime';
import { NodeHttpHandler } from '@smithy/node-http-handler';

const [url, model] = process.argv.slice(2);
const WORDS = ['urgent', 'routine'], LOOPS = 12, CALLS_MAX = 8;
const answer = { type: 'object', properties: { triage: { type: 'string', enum: WORDS } }, required: ['triage'], additionalProperties: false };
const tools = [
  { name: 'guide', description: 'A guideline.', schema: { type: 'object', properties: {}, required: [], additionalProperties: false } },
  { name: 'lab', description: 'A laboratory.', schema: {
    type: 'object', properties: { test: { type: 'string', enum: ['troponin', 'crp'] } }, required: ['test'], additionalProperties: false } },
];

async function test(name, body) {
  try {
    await body();
    console.log('ok ' + name);
  } catch (e) {
    console.log(`FAILED ${name} | ${String(e.stack ?? e).split('\n').slice(0, 4).join(' ')}`);
  }
}

// ---- a dialect: what is asked, what a reply calls and says, and how both go back --------------------------

const openai = new OpenAI({ apiKey: 'k', baseURL: url + '/v1', maxRetries: 0 });
const anthropic = new Anthropic({ apiKey: 'k', baseURL: url, maxRetries: 0 });
const google = new GoogleGenAI({ apiKey: 'k', httpOptions: { baseUrl: url } });
const bedrock = new BedrockRuntimeClient({ region: 'us-east-1', endpoint: url, token: { token: 'k' }, authSchemePreference: ['httpBearerAuth'], maxAttempts: 1,
  requestHandler: new NodeHttpHandler() });

const dialects = {
  'openai chat': {
    refusal: OpenAI.BadRequestError,
    begin: (text) => [{ role: 'user', content: text }],
    ask: (messages, last) => openai.chat.completions.create({
      model, messages, tools: tools.map((t) => ({ type: 'function', function: { name: t.name, description: t.description, strict: true, parameters: t.schema } })),
      ...(last ? { tool_choice: 'none', response_format: { type: 'json_schema', json_schema: { name: 'q', strict: true, schema: answer } } } : {}) }),
    calls: (r) => (r.choices[0].message.tool_calls ?? []).map((c) => ({ id: c.id, name: c.function.name, args: JSON.parse(c.function.arguments) })),
    ends: (r) => [r.choices[0].finish_reason, 'tool_calls', 'stop'],
    text: (r) => r.choices[0].message.content,
    said: (r) => [r.choices[0].message],
    results: (made) => made.map((c) => ({ role: 'tool', tool_call_id: c.id, content: c.result })),
    unreasoned: (said) => said.map(({ reasoning_content, ...m }) => m),
    reasons: (r) => r.choices[0].message.reasoning_content,
  },
  'openai responses': {
    refusal: OpenAI.BadRequestError,
    begin: (text) => [{ role: 'user', content: text }],
    ask: (input, last) => openai.responses.create({
      model, input, store: false, tools: tools.map((t) => ({ type: 'function', name: t.name, description: t.description, strict: true, parameters: t.schema })),
      ...(last ? { tool_choice: 'none', text: { format: { type: 'json_schema', name: 'q', strict: true, schema: answer } } } : {}) }),
    calls: (r) => r.output.filter((i) => i.type === 'function_call').map((c) => ({ id: c.call_id, name: c.name, args: JSON.parse(c.arguments) })),
    ends: (r) => [r.status, 'completed', 'completed'],
    text: (r) => r.output_text,
    said: (r) => r.output,
    results: (made) => made.map((c) => ({ type: 'function_call_output', call_id: c.id, output: c.result })),
    unreasoned: (said) => said.filter((i) => i.type !== 'reasoning'),
    reasons: (r) => r.output.find((i) => i.type === 'reasoning')?.encrypted_content,
  },
  'anthropic messages': {
    refusal: Anthropic.BadRequestError,
    begin: (text) => [{ role: 'user', content: text }],
    ask: (messages, last) => anthropic.messages.create({
      model, max_tokens: 200, messages, tools: tools.map((t) => ({ name: t.name, description: t.description, input_schema: t.schema })),
      ...(last ? { tool_choice: { type: 'none' }, output_config: { format: { type: 'json_schema', schema: answer } } } : {}) }),
    calls: (r) => r.content.filter((b) => b.type === 'tool_use').map((b) => ({ id: b.id, name: b.name, args: b.input })),
    ends: (r) => [r.stop_reason, 'tool_use', 'end_turn'],
    text: (r) => r.content.find((b) => b.type === 'text').text,
    said: (r) => [{ role: 'assistant', content: r.content }],
    results: (made) => [{ role: 'user', content: made.map((c) => ({ type: 'tool_result', tool_use_id: c.id, content: c.result })) }],
    unreasoned: (said) => said.map((m) => ({ ...m, content: m.content.filter((b) => b.type !== 'thinking') })),
    reasons: (r) => r.content.find((b) => b.type === 'thinking')?.signature,
  },
  gemini: {
    refusal: ApiError,
    begin: (text) => [{ role: 'user', parts: [{ text }] }],
    ask: (contents, last) => google.models.generateContent({ model, contents, config: last
      ? { responseMimeType: 'application/json', responseJsonSchema: answer }
      : { tools: [{ functionDeclarations: tools.map((t) => ({ name: t.name, description: t.description, parametersJsonSchema: t.schema })) }] } }),
    calls: (r) => (r.functionCalls ?? []).map((c) => ({ id: c.id, name: c.name, args: c.args })),
    ends: (r) => [r.candidates[0].finishReason, 'STOP', 'STOP'],
    text: (r) => r.text,
    said: (r) => [r.candidates[0].content],
    results: (made) => [{ role: 'user', parts: made.map((c) => ({ functionResponse: { id: c.id, name: c.name, response: { result: c.result } } })) }],
    unreasoned: (said) => said.map((m) => ({ ...m, parts: m.parts.map(({ thoughtSignature, ...p }) => p) })),
    reasons: (r) => r.candidates[0].content.parts.find((p) => p.thoughtSignature)?.thoughtSignature,
  },
  bedrock: {
    refusal: Error,
    begin: (text) => [{ role: 'user', content: [{ text }] }],
    ask: (messages, last) => bedrock.send(new ConverseCommand({
      modelId: model, messages, inferenceConfig: { maxTokens: 200 },
      toolConfig: { tools: tools.map((t) => ({ toolSpec: { name: t.name, description: t.description, inputSchema: { json: t.schema } } })) },
      ...(last ? { outputConfig: { textFormat: { type: 'json_schema', structure: { jsonSchema: { schema: JSON.stringify(answer), name: 'q' } } } } } : {}) })),
    calls: (r) => r.output.message.content.filter((b) => b.toolUse).map((b) => ({ id: b.toolUse.toolUseId, name: b.toolUse.name, args: b.toolUse.input })),
    ends: (r) => [r.stopReason, 'tool_use', 'end_turn'],
    text: (r) => r.output.message.content.find((b) => b.text !== undefined).text,
    said: (r) => [r.output.message],
    results: (made) => [{ role: 'user', content: made.map((c) => ({ toolResult: { toolUseId: c.id, content: [{ text: c.result }], status: 'success' } })) }],
    unreasoned: (said) => said.map((m) => ({ ...m, content: m.content.filter((b) => !b.reasoningContent) })),
    reasons: (r) => r.output.message.content.find((b) => b.reasoningContent)?.reasoningContent.reasoningText.signature,
  },
};

// ---- tests ------------------------------------------------------------------------------------------------

function fits(call) {
  const tool = tools.find((t) => t.name === call.name);
  assert.ok(tool && call.id, JSON.stringify(call));
  assert.deepEqual(Object.keys(call.args), Object.keys(tool.schema.properties));
  if (call.name === 'lab') assert.ok(tool.schema.properties.test.enum.includes(call.args.test));
}

// Up to the model's first reply that calls nothing: what was said, and how many calls each reply made.
async function loop(d, text) {
  const history = d.begin(text), counts = [];
  while (counts.length < CALLS_MAX) {
    const reply = await d.ask(history), calls = d.calls(reply), [end, called, done] = d.ends(reply);
    assert.equal(end, calls.length > 0 ? called : done);
    history.push(...d.said(reply));
    counts.push(calls.length);
    if (calls.length === 0) return { history, counts };
    calls.forEach(fits);
    assert.ok(d.reasons(reply), 'no reasoning stands before the calls');
    history.push(...d.results(calls.map((c) => ({ ...c, result: `Of ${c.name}: urgent.` }))));
  }
  return assert.fail(`${CALLS_MAX} replies with calls`);
}

// The first reply that calls, and what was asked.
async function called(d) {
  for (let i = 0; i < LOOPS; i++) {
    const asked = d.begin(`Control ${i}.`), reply = await d.ask(asked);
    if (d.calls(reply).length > 0) return { asked, reply, made: d.calls(reply).map((c) => ({ ...c, result: 'Read.' })) };
  }
  return assert.fail('never called');
}

async function refused(d, messages) {
  const e = await d.ask(messages).then(() => null, (x) => x);
  assert.ok(e instanceof d.refusal, `not refused: ${e?.constructor?.name}: ${e?.message}`);
  assert.equal(e.status ?? e.$metadata?.httpStatusCode, 400);
}

for (const [name, d] of Object.entries(dialects)) {
  await test(`${name}: calls, results, and the answer`, async () => {
    const counts = [];
    for (let i = 0; i < LOOPS; i++) {
      const talk = await loop(d, `Case ${i} waits.`);
      counts.push(...talk.counts);
      const last = await d.ask([...talk.history, ...d.begin('Please give your answer now.')], true);
      assert.equal(d.calls(last).length, 0);
      assert.ok(WORDS.includes(JSON.parse(d.text(last)).triage));
    }
    assert.ok(counts.includes(1) && counts.some((n) => n > 1), `calls a reply: ${counts}`);
  });
  const { asked, reply, made } = await called(d);
  await test(`${name}: what was read goes back as it was`, () => d.ask([...asked, ...d.said(reply), ...d.results(made)]));
  await test(`${name}: a call without its result`, () => refused(d, [...asked, ...d.said(reply), ...d.begin('And?')]));
  await test(`${name}: the result of another call`, () => refused(d, [...asked, ...d.said(reply), ...d.results(made.map((c) => ({ ...c, id: 'call_0' })))]));
  await test(`${name}: without its reasoning`, () => refused(d, [...asked, ...d.unreasoned(d.said(reply)), ...d.results(made)]));
}
