#!/usr/bin/env node
// One conversation over HTTP, from both sides. Node 20 or later, no dependencies.
//
//   node examples/conversation.mjs [BASE_URL [TAXPAYER_LOGIN TAXPAYER_PASSWORD OFFICER_LOGIN OFFICER_PASSWORD]]
//
// or by environment: BASE_URL, TAXPAYER_LOGIN, TAXPAYER_PASSWORD, OFFICER_LOGIN, OFFICER_PASSWORD, and LINE (id or
// name; the first open line otherwise). Nobody else may wait in that line meanwhile. Exits non-zero if anything is off.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';

const names = ['BASE_URL', 'TAXPAYER_LOGIN', 'TAXPAYER_PASSWORD', 'OFFICER_LOGIN', 'OFFICER_PASSWORD'];
const [base, ...signIns] = names.map((name, i) => process.argv[2 + i] ?? process.env[name] ?? (i ? missing(name) : 'http://127.0.0.1:8080'));
const api = `${base.replace(/\/$/, '')}/api/v1`;
const WAIT_MS = 10_000;
const open = new AbortController(); // ends the event streams

function missing(name) {
  console.error(`${name} is missing: give it as an argument or in the environment`);
  process.exit(2);
}

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const step = (text) => console.log(`- ${text}`);

/** UUID v7: the time first, then chance. Sorted by key is sorted by time, which stores like. */
function newKey() {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(Date.now(), 0, 6);
  bytes[6] = (bytes[6] & 0x0f) | 0x70;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** What a client is refused with. `code` is stable; programs decide by it. */
class Refused extends Error {
  constructor(status, problem) {
    super(`${status} ${problem.code ?? ''} ${problem.title ?? ''}`);
    Object.assign(this, { status, code: problem.code, related: problem.related });
  }
}

class Person {
  constructor(token) {
    this.token = token;
    this.heard = [];
    this.waiting = [];
  }

  static async signIn(login, password) {
    const nobody = new Person(null);
    const { token, kind } = await nobody.call('POST', '/sessions', { login, password });
    return Object.assign(new Person(token), { kind });
  }

  /** One call. With a key it may be repeated: the host answers the same, and does it once. */
  async call(method, path, body, key) {
    const headers = { Accept: 'application/json', 'Content-Type': 'application/json' };
    if (this.token) headers.Authorization = `Bearer ${this.token}`;
    if (key) headers['Idempotency-Key'] = key;
    const repeatable = Boolean(key) || method === 'GET' || method === 'PUT';
    for (let attempt = 0; ; attempt++) {
      let response;
      let text;
      try {
        response = await fetch(api + path, { method, headers, body: body && JSON.stringify(body), signal: AbortSignal.timeout(20_000) });
        text = await response.text();
      } catch (error) {
        // No answer: it may have been done or not. The same key makes asking again safe.
        if (!repeatable || attempt >= 5) throw error;
        await sleep(200 * 2 ** attempt);
        continue;
      }
      if (response.ok) return text ? JSON.parse(text) : null;
      if (response.status === 503 && repeatable && attempt < 5) {
        await sleep(1000 * Math.max(Number(response.headers.get('Retry-After')) || 0, 0.2 * 2 ** attempt));
        continue;
      }
      let problem = {};
      try {
        problem = JSON.parse(text);
      } catch {
        // A gateway answered in its own words.
      }
      throw new Refused(response.status, problem);
    }
  }

  write(path, body, key = newKey()) {
    return this.call('POST', path, body, key);
  }

  /** Follows live events. Resolves once the host has said hello; from then on nothing is missed. */
  async follow() {
    let cursor = null;
    let hello;
    const greeted = new Promise((resolve, reject) => (hello = { resolve, reject }));
    const connect = async () => {
      const headers = { Accept: 'text/event-stream', Authorization: `Bearer ${this.token}` };
      if (cursor) headers['Last-Event-ID'] = cursor;
      const response = await fetch(`${api}/events`, { headers, signal: open.signal });
      if (!response.ok) throw new Refused(response.status, await response.json().catch(() => ({})));
      let rest = '';
      for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
        rest += chunk;
        const blocks = rest.replaceAll('\r\n', '\n').split('\n\n');
        rest = blocks.pop();
        for (const block of blocks) {
          const data = block.split('\n').filter((l) => l.startsWith('data:')).map((l) => l.slice(5).trimStart()).join('\n');
          if (!data) continue; // a comment that keeps the connection alive
          const frame = JSON.parse(data);
          if (frame.type === 'hello') {
            cursor ??= frame.cursor;
            hello.resolve();
          } else if (frame.type === 'event') {
            cursor = frame.event.cursor;
            this.#hear(frame.event);
          }
        }
      }
    };
    (async () => {
      for (let attempt = 0; !open.signal.aborted; attempt++) {
        try {
          await connect();
        } catch (error) {
          if (open.signal.aborted) return;
          if (error instanceof Refused && error.status !== 503) return hello.reject(error);
        }
        await sleep(Math.min(5000, 200 * 2 ** attempt)); // the stream ended: continue behind the last cursor
      }
    })();
    const late = setTimeout(() => hello.reject(new Error('no hello')), WAIT_MS);
    await greeted.finally(() => clearTimeout(late));
  }

  #hear(event) {
    if (this.heard.some((e) => e.cursor === event.cursor)) return;
    this.heard.push(event);
    this.waiting = this.waiting.filter((w) => !(w.fits(event) && (w.resolve(event), true)));
  }

  /** The first event that fits, heard already or to come. */
  hears(kind, fits = () => true) {
    const both = (e) => e.kind === kind && fits(e);
    const known = this.heard.find(both);
    if (known) return Promise.resolve(known);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${this.kind} heard no ${kind} within ${WAIT_MS} ms; heard ${this.heard.map((e) => e.kind).join(', ')}`)), WAIT_MS);
      this.waiting.push({ fits: both, resolve: (e) => (clearTimeout(timer), resolve(e)) });
    });
  }
}

async function refused(promise, code) {
  const error = await promise.then(() => null, (e) => e);
  assert.ok(error instanceof Refused, error ? String(error) : `expected ${code}, but it was done`);
  assert.equal(error.code, code);
  return error;
}

async function main() {
  const [taxpayer, officer] = await Promise.all([Person.signIn(signIns[0], signIns[1]), Person.signIn(signIns[2], signIns[3])]);
  assert.deepEqual([taxpayer.kind, officer.kind], ['taxpayer', 'officer']);
  step('both signed in');

  const { items: lines } = await taxpayer.call('GET', '/lines');
  let line;
  for (const l of lines.filter((l) => (process.env.LINE ? [l.id, l.name].includes(process.env.LINE) : l.open))) {
    // Not every line is this officer's to serve.
    if (!line && (await officer.call('GET', `/lines/${l.id}/waiting?limit=1`).then(() => true, () => false))) line = l;
  }
  assert.ok(line, 'there is an open line that this officer serves');
  await tidy(taxpayer, officer, line.id);
  await officer.call('PUT', '/me/presence');
  await Promise.all([taxpayer.follow(), officer.follow()]);
  step(`both follow live events; line “${line.name}”, ${line.waiting} waiting`);

  const entered = await taxpayer.write(`/lines/${line.id}/conversations`, { topic: '子女教育专项附加扣除' });
  const at = `/conversations/${entered.conversation}`;
  step(`the taxpayer entered: ticket ${entered.ticket}`);
  const again = await refused(taxpayer.write(`/lines/${line.id}/conversations`, { topic: '再来一次' }), 'interaction.already_in_line');
  assert.equal(again.related, entered.conversation);
  const position = await taxpayer.call('GET', `${at}/position`);
  assert.deepEqual([position.state, position.ahead], ['waiting', 0], 'somebody else waits in this line: choose another with LINE');
  assert.ok(position.estimate.officers >= 1, 'the officer is present');
  await officer.hears('line.entered');

  const claimed = await officer.write(`/lines/${line.id}/claims`, {});
  assert.equal(claimed.conversation, entered.conversation);
  await taxpayer.hears('conversation.claimed', (e) => e.conversation === entered.conversation);
  step('the officer claimed it, and the taxpayer heard so');

  const key = newKey();
  const question = { text: '您好，请问子女教育怎么填？' };
  const sent = await taxpayer.write(`${at}/messages`, question, key);
  const repeated = await taxpayer.write(`${at}/messages`, question, key);
  assert.deepEqual(repeated, sent, 'the same key again is the same message, not a second one');
  await refused(taxpayer.write(`${at}/messages`, { text: '另一句' }, key), 'idempotency.key_reused');
  step(`the taxpayer wrote message ${sent.number}, twice with one key; it is there once`);

  const heard = await officer.hears('message.sent', (e) => e.conversation === entered.conversation && e.number === sent.number);
  assert.deepEqual([heard.message.text, heard.message.mine, heard.message.client_id], [question.text, false, key]);
  assert.equal((await officer.call('GET', at)).unread, 1);
  await officer.call('PUT', `${at}/read-mark`, { number: sent.number });
  await taxpayer.hears('messages.read', (e) => !e.mine && e.number === sent.number);
  assert.equal((await officer.call('GET', at)).unread, 0);
  step('the officer heard and read it, and the taxpayer saw the read mark');

  const answer = await officer.write(`${at}/messages`, { text: '您好，请打开个税应用。' });
  assert.equal(answer.number, sent.number + 1);
  const reply = await taxpayer.hears('message.sent', (e) => e.conversation === entered.conversation && e.number === answer.number);
  assert.equal(reply.message.text, '您好，请打开个税应用。');
  await taxpayer.call('PUT', `${at}/read-mark`, { number: answer.number });
  await officer.hears('messages.read', (e) => !e.mine && e.number === answer.number);
  step('the officer answered; the taxpayer heard and read it');

  await officer.write(`${at}/close`, { outcome: 'resolved', note: '已解答' });
  await taxpayer.hears('conversation.closed', (e) => e.conversation === entered.conversation);
  await refused(taxpayer.write(`${at}/messages`, { text: '谢谢' }), 'interaction.closed');
  step('the officer closed it as resolved; nothing can be written any more');

  const transcript = await taxpayer.call('POST', `${at}/transcript`, {});
  assert.deepEqual([transcript.conversation.state, transcript.conversation.outcome], ['closed', 'resolved']);
  assert.deepEqual(transcript.messages.map((m) => [m.number, m.mine, m.text]), [[1, true, question.text], [2, false, '您好，请打开个税应用。']]);
  const kinds = transcript.events.map((e) => e.kind);
  assert.deepEqual(kinds, ['conversation.entered', 'conversation.claimed', 'message.sent', 'messages.read', 'message.sent', 'messages.read', 'conversation.closed']);
  step(`the transcript has ${transcript.messages.length} messages and ${kinds.length} events, in order`);

  const doubled = taxpayer.heard.filter((e) => e.kind === 'message.sent' && e.conversation === entered.conversation).map((e) => e.number);
  assert.deepEqual(doubled, [1, 2], 'every message was told once');
  await Promise.all([taxpayer, officer].map((p) => p.call('DELETE', '/sessions/current')));
  await refused(taxpayer.call('GET', '/me'), 'access.sign_in_required');
  step('both signed out');
}

/** Ends what an earlier run that was broken off left open. */
async function tidy(taxpayer, officer, line) {
  const { items } = await taxpayer.call('GET', '/me/conversations?limit=50');
  for (const c of items.filter((i) => i.line === line)) {
    if (c.state === 'waiting') await taxpayer.write(`/conversations/${c.id}/leave`, {});
    if (c.state === 'active') await officer.write(`/conversations/${c.id}/close`, { outcome: 'no_answer', note: null });
  }
}

try {
  await main();
  console.log('OK');
} catch (error) {
  console.error(`FAILED: ${error.stack ?? error}`);
  process.exitCode = 1;
} finally {
  open.abort();
}
