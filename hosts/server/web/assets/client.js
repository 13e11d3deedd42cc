// What the pages share: calls that are safe to repeat, live events without gaps or doubles, an outbox that
// survives a reload, and the small parts of a conversation that both sides see.

const API = '/api/v1';

// ---------------------------------------------------------------------------------------------- elements

/** An element. Text goes in as text: nothing here parses HTML. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.filter((c) => c !== null && c !== undefined && c !== false));
  return node;
}

export const $ = (id) => document.getElementById(id);

/** Sets text only where it differs, so that screen readers are not told twice. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

const formats = {
  day: new Intl.DateTimeFormat('zh-CN', { timeZone: 'Asia/Shanghai', year: 'numeric', month: 'long', day: 'numeric' }),
  time: new Intl.DateTimeFormat('zh-CN', { timeZone: 'Asia/Shanghai', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }),
};
export const dayOf = (at) => formats.day.format(new Date(at));
export const timeOf = (at) => formats.time.format(new Date(at));
export const dayAndTimeOf = (at) => `${dayOf(at)} ${timeOf(at)}`;

export const STATES = { waiting: '等待中', active: '进行中', closed: '已结束', left: '已离开' };
export const OUTCOMES = { resolved: '已解决', unresolved: '未解决', no_answer: '对方未答复', idle: '长时间无人发言，自动结束' };
export const CHANNELS = { mini_program: '小程序', unresolved_matter_desk: '办不成事反映专窗', zone: '专区', portal: '门户', web: '网页', kiosk: '自助终端', official_account: '公众号', re_entry: '再次进入' };

// ---------------------------------------------------------------------------------------------- storage

/** A corner of sessionStorage; where the browser forbids it, memory. */
const memory = new Map();
export const kept = {
  get(name) {
    try {
      return JSON.parse(sessionStorage.getItem(name));
    } catch {
      return memory.get(name) ?? null;
    }
  },
  set(name, value) {
    try {
      if (value === null) sessionStorage.removeItem(name);
      else sessionStorage.setItem(name, JSON.stringify(value));
    } catch {
      memory.set(name, value);
    }
  },
};

function preference(name, value) {
  try {
    if (value === undefined) return localStorage.getItem(name);
    localStorage.setItem(name, value);
  } catch {
    // Without storage the choice lasts until the page is left.
  }
  return null;
}

// ---------------------------------------------------------------------------------------------- calls

/** UUID v7: the time first, then chance. */
export function uuid7() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  let now = Date.now();
  for (let i = 5; i >= 0; i--) {
    bytes[i] = now % 256;
    now = Math.floor(now / 256);
  }
  bytes[6] = (bytes[6] & 0x0f) | 0x70;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** An answer that is not a success, or none at all (status 0). `message` is for people. */
export class Problem extends Error {
  constructor({ status = 0, code = 'network', title, detail, field, retry_after_s, request_id, related } = {}) {
    super(title || (status ? '系统出现问题，请稍后再试' : '网络连接不上，请检查网络后再试'));
    Object.assign(this, { status, code, detail, field, related, requestId: request_id, retryAfterS: retry_after_s });
  }

  static async of(response) {
    let body = {};
    try {
      body = await response.json();
    } catch {
      // A gateway answered in its own words; the status has to do.
    }
    const after = Number(response.headers.get('Retry-After'));
    return new Problem({ ...body, status: response.status, retry_after_s: body.retry_after_s ?? (after > 0 ? after : undefined) });
  }

  /** Whether the same request may succeed in a moment. */
  get passing() {
    return this.status === 0 || [502, 503, 504].includes(this.status) || (this.status === 429 && this.retryAfterS > 0);
  }
}

let life = new AbortController(); // ends with the session; everything under way ends with it
const gone = () => new Problem({ status: 401, code: 'access.sign_in_required', title: '请先登录' });

/** Waits; the network coming back ends the wait early, the session's end fails it. */
function pause(ms) {
  const { signal } = life;
  return new Promise((resolve, reject) => {
    const end = (settle) => () => {
      clearTimeout(timer);
      window.removeEventListener('online', soon);
      signal.removeEventListener('abort', stop);
      settle();
    };
    const done = end(resolve);
    const stop = end(() => reject(gone()));
    const soon = () => setTimeout(done, 150);
    const timer = setTimeout(done, ms);
    window.addEventListener('online', soon);
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
  });
}

/** Growing waits with some chance in them, so that a thousand pages do not come back in the same moment. */
const growing = (attempt, first = 500, most = 30_000) => Math.min(most, first * 2 ** Math.min(attempt, 12)) * (0.6 + 0.4 * Math.random());

async function once(method, path, { body, key, anonymous }) {
  const own = life;
  const abort = new AbortController();
  const stop = () => abort.abort();
  const timer = setTimeout(stop, 20_000);
  own.signal.addEventListener('abort', stop);
  try {
    const headers = { Accept: 'application/json' };
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    if (key) headers['Idempotency-Key'] = key;
    if (!anonymous && session.token) headers.Authorization = `Bearer ${session.token}`;
    const response = await fetch(API + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), signal: abort.signal, credentials: 'same-origin', cache: 'no-store' });
    if (!response.ok) throw await Problem.of(response);
    if (response.status === 204) return null;
    const text = await response.text();
    return text ? JSON.parse(text) : null;
  } catch (error) {
    if (own.signal.aborted) throw gone();
    if (!(error instanceof Problem)) throw new Problem();
    if (error.code === 'access.sign_in_required' && !anonymous && own === life) session.ended('登录已过期，请重新登录');
    throw error;
  } finally {
    clearTimeout(timer);
    own.signal.removeEventListener('abort', stop);
  }
}

/**
 * One call. Reads, PUTs, writes with a key, and what is `harmless` to do twice are repeated, a write always with the
 * SAME key, until the host has given a definite answer: after six tries it is the person's turn, unless `patient`.
 */
export async function call(method, path, options = {}) {
  const repeatable = options.key !== undefined || options.harmless || method === 'GET' || method === 'PUT';
  for (let attempt = 0; ; attempt++) {
    try {
      return await once(method, path, options);
    } catch (problem) {
      if (!problem.passing || !repeatable || (attempt >= 5 && !options.patient)) throw problem;
      const asked = (problem.retryAfterS ?? 0) * 1000;
      if (asked > 60_000 && !options.patient) throw problem;
      await pause(Math.max(asked, growing(attempt)));
    }
  }
}

const actions = new Map(); // what a person set out to do and has no definite answer to yet -> its key

/** A write that a person asked for. Asking again for the same thing, after a failure or by a double click, keeps the key. */
export async function act(path, body = {}) {
  const what = `${path} ${JSON.stringify(body)}`;
  const key = actions.get(what) ?? uuid7();
  actions.set(what, key);
  try {
    const answer = await call('POST', path, { body, key });
    actions.delete(what);
    return answer;
  } catch (problem) {
    if (!problem.passing) actions.delete(what);
    throw problem;
  }
}

// ---------------------------------------------------------------------------------------------- session

export const session = {
  token: kept.get('token'),
  kind: kept.get('kind'),
  duty: null,
  onended: () => {},

  async signIn(login, password) {
    this.begin(await call('POST', '/sessions', { body: { login, password }, anonymous: true, harmless: true }));
  },

  /** The second step: the challenge that stands for the password, and what the authenticator shows. */
  async confirm(challenge, code) {
    this.begin(await call('POST', '/sessions/confirm', { body: { challenge, code }, anonymous: true }));
  },

  begin({ token, kind, duty }) {
    life = new AbortController();
    this.duty = duty;
    this.token = token;
    this.kind = kind;
    kept.set('token', token);
    kept.set('kind', kind);
  },

  /** Leaves nothing behind: the next person at this screen must find nothing. */
  async signOut({ quietly = false } = {}) {
    try {
      await once('DELETE', '/sessions/current', {});
    } catch {
      // The host forgets the session by itself after a while.
    }
    try {
      sessionStorage.clear();
    } catch {
      memory.clear();
    }
    this.ended('', quietly);
  },

  ended(message, quietly = false) {
    if (!this.token) return;
    this.token = null;
    kept.set('token', null);
    kept.set('kind', null);
    actions.clear();
    life.abort();
    if (!quietly) this.onended(message);
  },
};

// ---------------------------------------------------------------------------------------------- live events

/**
 * Live events over a WebSocket. `on.hello` is called on every connection: whoever listens reads the present state
 * then, because what ended while away is no longer told. `on.event` is called once per event.
 */
export class Live {
  #cursor = null;
  #place = null;
  #seen = new Set();
  #socket = null;
  #failed = 0;
  #timer = 0;
  #heard = 0;
  #pulse = 0;
  #running = false;
  #opening = false;

  constructor(on) {
    this.on = on;
    this.online = () => this.#again(150);
    this.offline = () => this.#lost('offline');
    this.look = () => document.visibilityState === 'visible' && this.#again(0);
  }

  start() {
    this.#running = true;
    window.addEventListener('online', this.online);
    window.addEventListener('offline', this.offline);
    document.addEventListener('visibilitychange', this.look);
    this.#pulse = setInterval(() => this.#beat(), 20_000);
    this.#open();
  }

  stop() {
    this.#running = false;
    clearTimeout(this.#timer);
    clearInterval(this.#pulse);
    window.removeEventListener('online', this.online);
    window.removeEventListener('offline', this.offline);
    document.removeEventListener('visibilitychange', this.look);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  typing(conversation) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify({ type: 'typing', conversation }));
  }

  #beat() {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    if (Date.now() - this.#heard > 75_000) this.#lost('silent');
    else this.#socket.send('{"type":"ping"}');
  }

  #again(wait) {
    if (!this.#running || this.#socket || this.#opening) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#open(), wait);
  }

  #lost(why, least = 0) {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    if (!this.#running) return;
    this.on.state?.('away');
    // A place that the host no longer takes must not keep us out for ever; hello reads the present state anyway.
    if (++this.#failed % 5 === 0) this.#cursor = this.#place = null;
    if (why !== 'offline') this.#again(Math.max(least, growing(this.#failed - 1, 400, 30_000)));
    else this.#again(30_000);
  }

  async #open() {
    if (!this.#running || this.#socket || this.#opening) return;
    this.#opening = true;
    let ticket;
    try {
      ({ ticket } = await once('POST', '/socket-tickets', { body: {} }));
    } catch (problem) {
      this.#opening = false;
      if (problem.status !== 401) this.#lost('ticket', (problem.retryAfterS ?? 0) * 1000);
      return;
    }
    this.#opening = false;
    if (!this.#running) return;
    const url = new URL(`${API}/events`, location.href);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    url.searchParams.set('ticket', ticket);
    if (this.#cursor) url.searchParams.set('cursor', this.#cursor);
    const socket = new WebSocket(url);
    this.#socket = socket;
    this.#heard = Date.now();
    socket.onmessage = ({ data }) => socket === this.#socket && this.#frame(data);
    socket.onclose = ({ code }) => {
      if (socket !== this.#socket) return;
      if (code === 1008) call('GET', '/me').catch(() => {}); // a session that has ended says so, and ends here too
      this.#lost('closed', code === 4029 ? 20_000 : 0);
    };
  }

  #frame(data) {
    this.#heard = Date.now();
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return;
    }
    if (frame.type === 'hello') {
      this.#failed = 0;
      if (!this.#cursor) this.#move(frame.cursor);
      this.on.state?.('here');
      this.on.hello?.();
    } else if (frame.type === 'event') {
      const { cursor } = frame.event;
      if (this.#seen.has(cursor)) return;
      this.#seen.add(cursor);
      if (this.#seen.size > 5000) this.#seen.delete(this.#seen.values().next().value);
      this.#move(cursor);
      this.on.event?.(frame.event);
    } else if (frame.type === 'typing') {
      this.on.typing?.(frame);
    } else if (frame.type === 'position') {
      this.on.position?.(frame.position);
    }
  }

  #move(cursor) {
    const place = String(cursor).split('.').map((n) => BigInt(n));
    const [x, s] = this.#place ?? [-1n, -1n];
    if (place[0] > x || (place[0] === x && place[1] > s)) {
      this.#cursor = cursor;
      this.#place = place;
    }
  }
}

// ---------------------------------------------------------------------------------------------- outbox

/** Messages on their way. Each keeps its key from the first try to the last, over reloads too. */
export class Outbox {
  #name;
  #items;
  #busy = new Set();

  constructor(owner, onchange) {
    this.#name = `outbox ${owner}`;
    this.#items = kept.get(this.#name) ?? [];
    this.onchange = onchange;
  }

  of(conversation) {
    return this.#items.filter((i) => i.conversation === conversation);
  }

  get size() {
    return this.#items.length;
  }

  add(conversation, text) {
    this.#items.push({ key: uuid7(), conversation, text, at: new Date().toISOString(), failed: null });
    this.#changed(conversation);
    this.#send(conversation);
  }

  /** Takes up again what a reload or a lost session interrupted. */
  resume() {
    for (const conversation of new Set(this.#items.map((i) => i.conversation))) this.#send(conversation);
  }

  again(key) {
    const item = this.#items.find((i) => i.key === key);
    if (!item) return;
    item.failed = null;
    item.confirmed ||= item.warned;
    this.#changed(item.conversation);
    this.#send(item.conversation);
  }

  /** It is with the host, or the person gave it up. */
  drop(key) {
    const item = this.#items.find((i) => i.key === key);
    if (!item) return;
    this.#items = this.#items.filter((i) => i !== item);
    this.#changed(item.conversation);
  }

  #changed(conversation) {
    kept.set(this.#name, this.#items.length ? this.#items : null);
    this.onchange(conversation);
  }

  /** One after the other within a conversation: they arrive in the order in which they were written. */
  async #send(conversation) {
    if (this.#busy.has(conversation)) return;
    this.#busy.add(conversation);
    try {
      for (let item; (item = this.#items.find((i) => i.conversation === conversation && !i.failed)); ) {
        try {
          const sent = await call('POST', `/conversations/${conversation}/messages`, { body: { text: item.text, confirmed: item.confirmed ?? false }, key: item.key, patient: true });
          this.onsent?.(conversation, { number: sent.number, sender: session.kind, mine: true, client_id: item.key, text: item.text, sent_at: sent.sent_at });
          this.drop(item.key);
        } catch (problem) {
          if (problem.status === 401) return;
          item.failed = problem.message;
          item.warned = problem.code === 'interaction.personal_data';
          this.#changed(conversation);
        }
      }
    } finally {
      this.#busy.delete(conversation);
    }
  }
}

// ---------------------------------------------------------------------------------------------- threads

/** One conversation as known here. Messages are kept by number, so none is there twice and a gap shows. */
export class Thread {
  #filling = null;
  #marked = 0;
  #told; // up to this number somebody was told that there is something new

  constructor(info, outbox) {
    this.info = { ...info };
    this.outbox = outbox;
    this.#told = info.last_number;
    this.messages = new Map();
    this.last = 0; // all numbers up to this one are here
    this.newest = null;
    this.loaded = false;
    this.typingUntil = 0;
    this.draft = '';
    this.onchange = () => {};
    this.onarrived = () => {};
  }

  get id() {
    return this.info.id;
  }

  get open() {
    return this.info.state === 'waiting' || this.info.state === 'active';
  }

  /** How far the other side has read. */
  get theirRead() {
    return session.kind === 'taxpayer' ? this.info.officer_read : this.info.taxpayer_read;
  }

  get unread() {
    return Math.max(0, this.info.last_number - (session.kind === 'taxpayer' ? this.info.taxpayer_read : this.info.officer_read));
  }

  inOrder() {
    return [...this.messages.values()].sort((a, b) => a.number - b.number);
  }

  pending() {
    const here = new Set([...this.messages.values()].map((m) => m.client_id));
    return this.outbox.of(this.id).filter((i) => !here.has(i.key));
  }

  /** Reads the present state. What is known already from events is never taken back by an older answer. */
  async refresh() {
    this.update(await call('GET', `/conversations/${this.id}`));
    if (this.loaded) await this.fill();
  }

  update(info) {
    const old = this.info;
    const over = !this.open && (info.state === 'waiting' || info.state === 'active');
    const later = (name) => Math.max(old[name] ?? 0, info[name] ?? 0);
    this.info = { ...info, ...(over ? { state: old.state, outcome: old.outcome, ended_at: old.ended_at } : {}), last_number: later('last_number'), taxpayer_read: later('taxpayer_read'), officer_read: later('officer_read') };
    this.onchange(this);
    if (!this.loaded && this.info.last_number > this.#told) this.#tell(this.info.last_number, this.unread > 0);
  }

  #tell(number, theirs, message = null) {
    if (number <= this.#told) return;
    this.#told = number;
    if (theirs) this.onarrived(this, message);
  }

  async load() {
    this.loaded = true;
    await this.fill();
  }

  /** Fetches what comes after the last number without a gap, until there is nothing more. */
  fill() {
    this.#filling ??= (async () => {
      try {
        for (;;) {
          const { items } = await call('GET', `/conversations/${this.id}/messages?after=${this.last}&limit=100`);
          const before = this.last;
          for (const message of items) this.#keep(message);
          this.onchange(this);
          if (items.length < 100 && this.last >= this.info.last_number) return;
          if (this.last === before) return;
        }
      } finally {
        this.#filling = null;
      }
    })();
    return this.#filling;
  }

  #keep(message) {
    if (this.messages.has(message.number)) return false;
    this.messages.set(message.number, message);
    while (this.messages.has(this.last + 1)) this.last++;
    if (!this.newest || message.number > this.newest.number) this.newest = message;
    this.info.last_number = Math.max(this.info.last_number, message.number);
    if (message.mine && message.client_id) this.outbox.drop(message.client_id);
    this.#tell(message.number, !message.mine, message);
    return true;
  }

  /** Takes in a message that was just sent, by whomever. */
  take(message) {
    // Whoever writes has read what was written before.
    const reader = message.sender === 'taxpayer' ? 'taxpayer_read' : 'officer_read';
    this.info[reader] = Math.max(this.info[reader], message.number);
    if (!message.mine) this.typingUntil = 0;
    if (this.loaded) {
      this.#keep(message);
      if (this.last < this.info.last_number) this.fill().catch(() => {});
    } else {
      this.info.last_number = Math.max(this.info.last_number, message.number);
      if (!this.newest || message.number > this.newest.number) this.newest = message;
      if (message.mine && message.client_id) this.outbox.drop(message.client_id);
      this.#tell(message.number, !message.mine, message);
    }
    this.onchange(this);
  }

  /** Takes in a message that its sender recalled: its text is gone, its place stays. */
  recall(message) {
    if (this.messages.has(message.number)) this.messages.set(message.number, message);
    if (this.newest?.number === message.number) this.newest = message;
    for (const m of this.messages.values()) if (m.quoted?.number === message.number) m.quoted = { ...m.quoted, excerpt: message.text, recalled: true };
    this.onchange(this);
  }

  /** Takes in an event about this conversation; true if something that only the host knows has changed. */
  apply(event) {
    switch (event.kind) {
      case 'message.sent':
        if (event.message) this.take(event.message);
        return !event.message;
      case 'message.recalled':
        if (event.message) this.recall(event.message);
        return false;
      case 'messages.read': {
        const reader = event.mine === (session.kind === 'taxpayer') ? 'taxpayer_read' : 'officer_read';
        this.info[reader] = Math.max(this.info[reader], event.number ?? 0);
        this.onchange(this);
        return false;
      }
      case 'conversation.claimed':
      case 'conversation.transferred':
      case 'conversation.returned':
      case 'conversation.closed':
      case 'conversation.left':
        return true;
      default:
        return false;
    }
  }

  /** The person has these messages before their eyes. */
  read() {
    const number = this.last;
    if (!number || number <= this.#marked || !this.loaded) return;
    const mine = session.kind === 'taxpayer' ? 'taxpayer_read' : 'officer_read';
    if (number <= this.info[mine]) return;
    this.#marked = number;
    this.info[mine] = number;
    call('PUT', `/conversations/${this.id}/read-mark`, { body: { number } }).catch(() => (this.#marked = 0));
    this.onchange(this);
  }
}

// ---------------------------------------------------------------------------------------------- chat pane

const MESSAGE_CHARS_MAX = 2000;

/** What a message says, below what it answers. */
const wordsOf = (m) => (m.quoted ? `「${m.quoted.excerpt}」\n${m.text}` : m.text);

/** The messages of one thread and the box to write in. */
export class ChatPane {
  #rows = new Map(); // client id or number -> li
  #thread = null;
  #stick = true;
  #saidTyping = 0;

  constructor({ placeholder, nameOf, ontyping, onsend, extra }) {
    this.nameOf = nameOf;
    this.ontyping = ontyping;
    this.onsend = onsend;
    this.list = el('ol', { class: 'messages', role: 'log', 'aria-label': '消息', 'aria-live': 'off', tabindex: '0' });
    this.down = el('button', { type: 'button', class: 'to-end', hidden: true, onclick: () => this.#toEnd() }, '↓ 新消息');
    this.typing = el('p', { class: 'typing', 'aria-live': 'off' });
    this.box = el('textarea', { class: 'box', rows: '2', placeholder, 'aria-label': '输入消息', enterkeyhint: 'send' });
    this.left = el('span', { class: 'hint', role: 'status' });
    this.button = el('button', { type: 'submit', class: 'primary send' }, '发送');
    this.form = el('form', { class: 'composer', onsubmit: (e) => { e.preventDefault(); this.send(); } }, extra ?? null, el('div', { class: 'composer-row' }, this.box, this.button), this.left);
    this.root = el('section', { class: 'chat', 'aria-label': '会话' }, el('div', { class: 'chat-body' }, this.list, this.down), this.typing, this.form);
    this.list.addEventListener('scroll', () => {
      this.#stick = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 60;
      if (this.#stick) this.down.hidden = true;
      this.#seen();
    });
    new ResizeObserver(() => this.#stick && this.#toEnd()).observe(this.list);
    this.box.addEventListener('keydown', (e) => {
      if (e.key !== 'Enter' || e.shiftKey || e.altKey || e.isComposing || e.keyCode === 229) return; // 229: a word is being composed
      e.preventDefault();
      this.send();
    });
    this.box.addEventListener('input', () => this.#written());
    for (const when of ['focus', 'visibilitychange']) (when === 'focus' ? window : document).addEventListener(when, () => this.#seen());
  }

  show(thread) {
    if (this.#thread) this.#thread.draft = this.box.value;
    this.#thread = thread;
    this.#rows.clear();
    this.list.replaceChildren();
    this.#stick = true;
    this.down.hidden = true;
    this.box.value = thread?.draft ?? '';
    this.#length();
    this.update();
  }

  /** Puts `text` where the cursor is. */
  insert(text) {
    this.box.setRangeText(text, this.box.selectionStart, this.box.selectionEnd, 'end');
    this.box.focus();
    this.#written();
  }

  send() {
    const text = this.box.value.trim();
    if (!text || !this.#thread?.open || [...text].length > MESSAGE_CHARS_MAX) return;
    this.box.value = '';
    this.#thread.draft = '';
    this.#length();
    this.#saidTyping = 0;
    this.#stick = true;
    this.onsend(this.#thread, text);
    this.box.focus();
  }

  #written() {
    this.#length();
    if (this.#thread) this.#thread.draft = this.box.value;
    if (this.box.value.trim() && Date.now() - this.#saidTyping > 3000 && this.#thread?.info.state === 'active') {
      this.#saidTyping = Date.now();
      this.ontyping(this.#thread);
    }
  }

  #length() {
    const length = [...this.box.value.trim()].length;
    setText(this.left, length > MESSAGE_CHARS_MAX ? `超出 ${length - MESSAGE_CHARS_MAX} 个字，请分成几条发送` : length > MESSAGE_CHARS_MAX - 200 ? `还可以写 ${MESSAGE_CHARS_MAX - length} 个字` : '');
  }

  #toEnd() {
    this.list.scrollTop = this.list.scrollHeight;
    this.#stick = true;
    this.down.hidden = true;
    this.#seen();
  }

  #seen() {
    if (this.#thread && this.#stick && attended() && this.root.isConnected && this.root.offsetParent !== null) this.#thread.read();
  }

  update() {
    const thread = this.#thread;
    this.form.hidden = !thread?.open;
    if (!thread) return;
    const rows = [...thread.inOrder().map((m) => [m.client_id && m.mine ? m.client_id : String(m.number), m, null]), ...thread.pending().map((i) => [i.key, null, i])];
    const keep = new Set(rows.map(([id]) => id));
    for (const [id, row] of this.#rows) if (!keep.has(id)) { row.remove(); this.#rows.delete(id); }
    let at = this.list.firstElementChild;
    let day = '';
    let theirs = 0;
    for (const [id, message, item] of rows) {
      let row = this.#rows.get(id);
      if (!row) {
        row = this.#row(message ?? item, message ? message.mine : true, message?.sender ?? session.kind);
        this.#rows.set(id, row);
        if (message && !message.mine) theirs++;
      }
      if (row === at) at = at.nextElementSibling;
      else this.list.insertBefore(row, at);
      const today = dayOf(message?.sent_at ?? item.at);
      if (today !== day) row.dataset.day = day = today;
      else delete row.dataset.day;
      this.#state(row, message, item);
    }
    const isTyping = thread.typingUntil > Date.now() && thread.open;
    setText(this.typing, isTyping ? '对方正在输入…' : '');
    if (this.#stick) this.#toEnd();
    else if (theirs) this.down.hidden = false;
  }

  #row(entry, mine, sender) {
    const who = mine ? '我' : this.nameOf(sender);
    return el('li', { class: mine ? 'message mine' : 'message theirs' }, el('span', { class: 'who' }, who), el('div', { class: 'bubble' }, wordsOf(entry)), el('span', { class: 'under' }));
  }

  #state(row, message, item) {
    const under = row.lastElementChild;
    const state = item ? (item.failed ? 'failed' : 'sending') : !message.mine ? 'theirs' : message.number <= this.#thread.theirRead ? 'read' : 'sent';
    setText(row.children[1], wordsOf(message ?? item));
    const shown = `${state} ${message?.number ?? ''} ${item?.failed ?? ''}`;
    if (row.dataset.shown === shown) return;
    row.dataset.shown = shown;
    row.dataset.state = state;
    if (message) row.dataset.number = message.number;
    if (state === 'failed') {
      under.replaceChildren(el('span', { class: 'bad' }, `未发出：${item.failed} `), el('button', { type: 'button', class: 'link', onclick: () => this.#thread.outbox.again(item.key) }, item.warned ? '仍要发送' : '重新发送'), ' ', el('button', { type: 'button', class: 'link', onclick: () => this.#thread.outbox.drop(item.key) }, '删除'));
      return;
    }
    const word = { sending: '发送中', sent: '已发送', read: '已读', theirs: '' }[state];
    const time = timeOf(message?.sent_at ?? item.at);
    under.replaceChildren(el('time', {}, time), word ? el('span', { class: 'mark-state' }, word) : '');
  }
}

/** A conversation as it is kept: who wrote what and what happened, in order. */
export async function showTranscript(id) {
  const body = el('div', { class: 'transcript' }, el('p', { class: 'hint' }, '正在读取…'));
  const dialog = ask({ title: '会话记录', body, choices: [{ text: '关闭', value: null }] });
  try {
    const { conversation: c, messages, events } = await call('POST', `/conversations/${id}/transcript`, { body: {}, harmless: true });
    const KINDS = { 'conversation.claimed': '工作人员接入', 'conversation.closed': '会话结束', 'conversation.left': '纳税人离开', 'conversation.entered': '纳税人取号', 'conversation.transferred': '会话转接', 'conversation.returned': '工作人员离开，重新排队' };
    const rows = [{ at: c.entered_at, text: `取号 ${c.ticket}，${c.line_name}` }];
    for (const m of messages) rows.push({ at: m.sent_at, who: m.mine ? '我' : m.sender === 'taxpayer' ? c.taxpayer_name || '纳税人' : `工作人员 ${c.staff_no ?? ''}`, text: m.text });
    for (const e of events) if (KINDS[e.kind]) rows.push({ at: e.at, text: KINDS[e.kind] });
    rows.sort((a, b) => new Date(a.at) - new Date(b.at)); // stable: what happened in one moment stays in order
    body.replaceChildren(
      el('dl', { class: 'facts' }, ...facts([['咨询事项', c.topic], ['队列', c.line_name], ['取号', dayAndTimeOf(c.entered_at)], ['接待人', c.staff_no ? `工号 ${c.staff_no}` : ''], ['结束', c.ended_at ? dayAndTimeOf(c.ended_at) : ''], ['结果', c.outcome ? OUTCOMES[c.outcome] : STATES[c.state]]])),
      el('ol', { class: 'record' }, ...rows.map((r) => el('li', { class: r.who ? '' : 'happened' }, el('time', {}, timeOf(r.at)), r.who ? el('b', {}, r.who) : '', el('span', { class: 'pre' }, r.text)))),
    );
  } catch (problem) {
    body.replaceChildren(el('p', { class: 'bad' }, problem.message));
  }
  await dialog;
}

export function facts(pairs) {
  return pairs.filter(([, value]) => value).flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, value)]);
}

// ---------------------------------------------------------------------------------------------- attention

/** Whether somebody is looking at this page. */
export const attended = () => document.visibilityState === 'visible' && document.hasFocus();

/** Title that blinks, soft sound, number on the page's badge. */
export class Attention {
  #title = document.title;
  #count = 0;
  #words = '';
  #phase = false;
  #timer = 0;
  #audio = null;

  constructor() {
    this.sound = preference('sound') !== 'off';
    const here = () => this.#still();
    window.addEventListener('focus', here);
    for (const kind of ['pointerdown', 'keydown']) {
      document.addEventListener(kind, () => {
        this.#gesture();
        this.#still();
      }, true);
    }
    document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && here());
  }

  #gesture() {
    // Browsers allow sound only after somebody has touched the page.
    if (this.#audio || !window.AudioContext) return;
    this.#audio = new AudioContext();
  }

  count(n) {
    this.#count = n;
    this.#write();
    if (n) navigator.setAppBadge?.(n)?.catch(() => {});
    else navigator.clearAppBadge?.()?.catch(() => {});
  }

  /** Something new. `elsewhere`: not in what is open now, so blink even while somebody looks at the page. */
  ring(words, elsewhere = false) {
    this.#play();
    if (attended() && !elsewhere) return;
    this.#words = words;
    this.#phase = true;
    clearInterval(this.#timer);
    this.#timer = setInterval(() => {
      this.#phase = !this.#phase;
      this.#write();
    }, 1000);
    this.#write();
  }

  #still() {
    clearInterval(this.#timer);
    this.#timer = 0;
    this.#phase = false;
    this.#write();
  }

  #write() {
    const title = this.#phase ? `【${this.#words}】` : (this.#count ? `(${this.#count}) ` : '') + this.#title;
    if (document.title !== title) document.title = title;
  }

  #play() {
    const audio = this.#audio;
    if (!this.sound || !audio) return;
    if (audio.state === 'suspended') audio.resume().catch(() => {});
    [659, 880].forEach((pitch, i) => {
      const at = audio.currentTime + i * 0.16;
      const tone = audio.createOscillator();
      const volume = audio.createGain();
      tone.type = 'sine';
      tone.frequency.value = pitch;
      volume.gain.setValueAtTime(0.0001, at);
      volume.gain.exponentialRampToValueAtTime(0.08, at + 0.03);
      volume.gain.exponentialRampToValueAtTime(0.0001, at + 0.35);
      tone.connect(volume).connect(audio.destination);
      tone.start(at);
      tone.stop(at + 0.4);
    });
  }

  soundSwitch() {
    const button = el('button', { type: 'button', class: 'tool', 'aria-pressed': String(this.sound), onclick: () => {
      this.sound = !this.sound;
      preference('sound', this.sound ? 'on' : 'off');
      button.setAttribute('aria-pressed', String(this.sound));
      setText(button, this.sound ? '提示音 开' : '提示音 关');
      this.#play();
    } }, this.sound ? '提示音 开' : '提示音 关');
    return button;
  }
}

/** Tells screen readers. */
export function say(text) {
  $('said').append(el('p', {}, text));
  while ($('said').childElementCount > 5) $('said').firstElementChild.remove();
}

let noticeTimer = 0;

/** Tells everybody, for a few seconds. */
export function notice(text, kind = 'bad') {
  const box = $('notice');
  box.className = `notice ${kind}`;
  box.replaceChildren(el('span', {}, text), el('button', { type: 'button', class: 'link', onclick: () => (box.hidden = true) }, '知道了'));
  box.hidden = false;
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => (box.hidden = true), kind === 'good' ? 4000 : 8000);
}

/** Large letters and strong contrast (适老化). */
export function elderSwitch() {
  const root = document.documentElement;
  const is = () => root.classList.contains('elder');
  root.classList.toggle('elder', preference('elder') === 'on');
  const button = el('button', { type: 'button', class: 'tool', 'aria-pressed': String(is()), title: '适老化：大字、高对比度', onclick: () => {
    root.classList.toggle('elder');
    preference('elder', is() ? 'on' : 'off');
    button.setAttribute('aria-pressed', String(is()));
    setText(button, is() ? '标准版' : '大字版');
  } }, is() ? '标准版' : '大字版');
  return button;
}

/** Asks something; resolves to the value chosen, null where it was put away. */
export function ask({ title, body, choices, ready = () => true, read = (v) => v }) {
  return new Promise((resolve) => {
    let answer = null;
    const dialog = el('dialog', { class: 'ask', 'aria-label': title });
    const complain = el('p', { class: 'bad', role: 'alert' });
    const buttons = choices.map((c) => el('button', { type: 'button', class: c.kind ?? '', onclick: () => {
      if (c.value !== null) {
        const wrong = ready(c.value);
        if (typeof wrong === 'string') return setText(complain, wrong);
        answer = read(c.value);
      }
      dialog.close();
    } }, c.text));
    dialog.append(el('h2', {}, title), body ?? '', complain, el('div', { class: 'choices' }, ...buttons));
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(answer);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Disables a button while what it does is under way, and tells what went wrong. */
export function busy(button, work) {
  return async (event) => {
    event?.preventDefault?.();
    if (button.disabled) return;
    button.disabled = true;
    button.setAttribute('aria-busy', 'true');
    try {
      await work();
    } catch (problem) {
      if (problem.status !== 401) notice(problem.message);
      if (!(problem instanceof Problem)) throw problem;
    } finally {
      button.disabled = false;
      button.removeAttribute('aria-busy');
    }
  };
}

/** The sign-in form; `wanted` is the kind of account this page is for. */
export function signInForm({ title, lead, wanted, message, done }) {
  const login = el('input', { name: 'login', autocomplete: 'username', required: true, maxlength: '64', autocapitalize: 'none', spellcheck: 'false' });
  const password = el('input', { name: 'password', type: 'password', autocomplete: 'current-password', required: true, maxlength: '128' });
  const code = el('input', { name: 'code', autocomplete: 'one-time-code', maxlength: '32' });
  const second = el('label', { class: 'field', hidden: true }, el('span', {}, '验证码'), code);
  let challenge = null;
  const wrong = el('p', { class: 'bad', role: 'alert' }, message ?? '');
  const button = el('button', { type: 'submit', class: 'primary wide' }, '登录');
  const enter = async () => {
    setText(wrong, '');
    if (!login.value.trim() || !password.value) return setText(wrong, '请填写账号和密码');
    try {
      if (challenge) await session.confirm(challenge, code.value.trim());
      else await session.signIn(login.value.trim(), password.value);
      if (session.kind !== wanted) {
        const other = session.kind === 'officer' ? '这是工作人员的账号，请从“我是工作人员”进入' : '这是纳税人的账号，请从“我是纳税人”进入';
        await session.signOut({ quietly: true });
        throw new Problem({ status: 403, title: other });
      }
    } catch (problem) {
      code.value = '';
      if (problem.code === 'access.second_factor_needed') challenge = problem.related;
      // A code may be typed again; anything else begins with the password.
      else if (problem.code !== 'access.wrong_code') challenge = null;
      if (!challenge) password.value = '';
      second.hidden = !challenge;
      setText(wrong, problem.message);
      (challenge ? code : password).focus();
      return;
    }
    if (session.duty) form.replaceWith(dutyForm(done));
    else await done();
  };
  const form = el('form', { class: 'card sign-in', onsubmit: (e) => busy(button, enter)(e), novalidate: true },
    el('h1', {}, title), el('p', { class: 'lead' }, lead),
    el('label', { class: 'field' }, el('span', {}, '账号'), login),
    el('label', { class: 'field' }, el('span', {}, '密码'), password),
    second, wrong, button);
  return form;
}

/** What the host asks for before anything else: a password of one's own, or a second factor. */
function dutyForm(done) {
  const wrong = el('p', { class: 'bad', role: 'alert' }, '');
  const button = el('button', { type: 'submit', class: 'primary wide' }, '确定');
  const secret = (name, label) => {
    const input = el('input', { name, type: 'password', required: true, maxlength: '128' });
    return [input, el('label', { class: 'field' }, el('span', {}, label), input)];
  };
  const shown = [];
  let work;
  const go = async () => {
    setText(wrong, '');
    try {
      await work();
    } catch (problem) {
      setText(wrong, problem.message);
    }
  };
  const form = el('form', { class: 'card sign-in', onsubmit: (e) => busy(button, go)(e), novalidate: true });
  const goOn = () => (session.duty ? form.replaceWith(dutyForm(done)) : done());
  if (session.duty === 'change_password') {
    const [current, currentField] = secret('current', '当前密码');
    const [fresh, freshField] = secret('password', '新密码');
    const [again, againField] = secret('again', '再输入一次新密码');
    shown.push(el('h1', {}, '请修改密码'), el('p', { class: 'lead' }, '至少 10 个字符，包含大写、小写、数字、符号中的三种，不能与最近 5 次相同。'), currentField, freshField, againField);
    work = async () => {
      if (fresh.value !== again.value) return setText(wrong, '两次输入的新密码不一致');
      session.begin(await once('PUT', '/me/password', { body: { current: current.value, password: fresh.value } }));
      await goOn();
    };
  } else {
    const code = el('input', { name: 'code', inputmode: 'numeric', autocomplete: 'one-time-code', maxlength: '6' });
    const about = el('p', { class: 'lead' }, '您的岗位需要两步验证。请先获取密钥。');
    shown.push(el('h1', {}, '请设置两步验证'), about);
    let enrolled = null;
    work = async () => {
      if (!enrolled) {
        enrolled = (await once('POST', '/me/second-factor', {})).uri;
        const key = new URL(enrolled.replace('otpauth:', 'https:')).searchParams.get('secret');
        setText(about, `请在验证器应用中添加密钥 ${key}，再输入它显示的六位验证码。`);
        about.after(el('label', { class: 'field' }, el('span', {}, '验证码'), code));
        return code.focus();
      }
      const { session: begun, recovery_codes: codes } = await once('POST', '/me/second-factor/confirm', { body: { code: code.value.trim() } });
      session.begin(begun);
      setText(button, '我已记下');
      form.replaceChildren(el('h1', {}, '请记下恢复码'), el('p', { class: 'lead' }, '验证器丢失时可用，每个只能用一次，只显示这一次。'), el('ul', {}, ...codes.map((c) => el('li', {}, c))), button);
      work = goOn;
    };
  }
  form.replaceChildren(...shown, wrong, button);
  return form;
}

/** The strip that says the connection is away. Short breaks are not worth a word. */
let stripTimer = 0;
export function linkState(state) {
  clearTimeout(stripTimer);
  const strip = $('link');
  if (state === 'here') {
    strip.hidden = true;
    return;
  }
  stripTimer = setTimeout(() => {
    setText(strip, '网络暂时断开，正在重新连接。您写的内容会保留，连上后自动发出。');
    strip.hidden = false;
  }, navigator.onLine ? 1500 : 100);
}
