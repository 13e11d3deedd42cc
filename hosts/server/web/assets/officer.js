// The officer's page: lines on the left, own conversations below them, the conversation in the middle, the taxpayer on the right.

import {
  $, Attention, CHANNELS, ChatPane, Live, OUTCOMES, Outbox, Problem, STATES, Thread, act, ask, busy, call, dayAndTimeOf, el, elderSwitch, facts, kept, linkState, notice, say, session, setText, showTranscript, signInForm, timeOf,
} from './client.js';

const CANNED = [
  '您好，我是在线工作人员，很高兴为您服务。',
  '请您稍等，我正在为您核实。',
  '请问您的问题具体是在哪一步遇到的？',
  '请打开个人所得税应用，在首页点击“专项附加扣除填报”。',
  '该事项需要到办税服务厅办理，请携带有效身份证件。',
  '请不要在会话中发送密码或验证码。',
  '请问还有其他可以帮您的吗？',
  '感谢您的咨询，祝您生活愉快！',
];
const FIELDS = { name: '姓名', number: '证件号码', phone: '手机号码' };
const KINDS = { person: '自然人', enterprise: '企业' };

const main = $('main');
const attention = new Attention();
const threads = new Map(); // own conversations, those that ended in this sitting included
const cards = new Map();
let lines = [];
let me = null;
let outbox = null;
let live = null;
let heartbeat = 0;
let desk = null;
let current = null;

// ---------------------------------------------------------------------------------------------- start and end

session.onended = (message) => {
  live?.stop();
  live = null;
  clearInterval(heartbeat);
  clearInterval(desk?.clock);
  threads.clear();
  cards.clear();
  lines = [];
  desk = null;
  current = null;
  attention.count(0);
  linkState('here');
  signIn(message);
};

function signIn(message) {
  $('tools').replaceChildren(elderSwitch());
  document.body.classList.remove('at-desk');
  main.replaceChildren(signInForm({ title: '工作人员登录', lead: '登录后即为在线，可以接入等待的纳税人。', wanted: 'officer', message, done: enterPage }));
  main.querySelector('input').focus();
}

async function enterPage() {
  try {
    me = await call('GET', '/me');
  } catch (problem) {
    if (problem.status !== 401) main.replaceChildren(el('div', { class: 'card' }, el('h1', {}, '暂时打不开'), el('p', {}, problem.message), el('button', { type: 'button', class: 'primary', onclick: enterPage }, '再试一次')));
    return;
  }
  if (me.kind !== 'officer' || me.duty) return session.signOut(); // a duty is done where one signs in
  outbox = new Outbox(me.officer, (id) => threads.get(id)?.onchange());
  outbox.onsent = (id, message) => threads.get(id)?.take(message);
  $('tools').replaceChildren(el('span', { class: 'me' }, el('span', { id: 'presence', class: 'presence', role: 'status' }, '连接中'), ` ${me.name} ${me.staff_no ?? ''}`), attention.soundSwitch(), elderSwitch(), el('button', { type: 'button', class: 'tool', onclick: signOut }, '退出'));
  document.body.classList.add('at-desk');
  desk = layOut();
  const here = async () => {
    try {
      await call('PUT', '/me/presence');
      presence(true);
    } catch (problem) {
      if (problem instanceof Problem) presence(false);
      else throw problem;
    }
  };
  clearInterval(heartbeat);
  heartbeat = setInterval(here, 20_000);
  here();
  live?.stop();
  live = new Live({ hello, event, typing, state: (s) => { linkState(s); if (s === 'away') presence(false); else here(); } });
  live.start();
  outbox.resume();
}

function presence(is) {
  const chip = $('presence');
  if (!chip) return;
  chip.classList.toggle('on', is);
  setText(chip, is ? '在线' : '离线');
}

async function signOut() {
  const active = mine().length;
  if (active || outbox?.size) {
    const words = [active ? `还有 ${active} 个会话没有结束` : '', outbox?.size ? `${outbox.size} 条消息没有发出` : ''].filter(Boolean).join('，');
    const sure = await ask({ title: '要退出吗？', body: el('p', {}, `${words}。`), choices: [{ text: '继续工作', value: null }, { text: '仍要退出', value: true, kind: 'danger' }] });
    if (!sure) return;
  }
  await session.signOut();
}

const quietly = (problem) => {
  if (!(problem instanceof Problem)) throw problem;
};

// ---------------------------------------------------------------------------------------------- what happens

const mine = () => [...threads.values()].filter((t) => t.info.state === 'active').sort((a, b) => new Date(a.info.claimed_at ?? a.info.entered_at) - new Date(b.info.claimed_at ?? b.info.entered_at));

function threadOf(info) {
  let thread = threads.get(info.id);
  if (thread) {
    thread.update(info);
    return thread;
  }
  thread = new Thread(info, outbox);
  thread.since = null; // when the taxpayer began to wait for an answer
  thread.onchange = () => changed(thread);
  thread.onarrived = (t, message) => {
    attention.ring(`${t.info.taxpayer_name}发来新消息`, current !== t);
    say(`${t.info.taxpayer_name}说：${message?.text ?? '新消息'}`);
  };
  threads.set(info.id, thread);
  if (info.state === 'active' && info.last_number) peek(thread);
  return thread;
}

/** The last message of a conversation that is not open, for the list: a few at a time. */
const peeking = [];
let peeks = 0;
function peek(thread) {
  peeking.push(thread);
  next();
  function next() {
    while (peeks < 3 && peeking.length) {
      const t = peeking.shift();
      if (t.newest) continue;
      peeks++;
      call('GET', `/conversations/${t.id}/messages?after=${t.info.last_number - 1}&limit=1`)
        .then(({ items }) => {
          if (items[0] && (!t.newest || t.newest.number < items[0].number)) t.newest = items[0];
          changed(t);
        })
        .catch(quietly)
        .finally(() => {
          peeks--;
          next();
        });
    }
  }
}

let drawing = false;
const dirty = new Set();
/** Many changes in one moment are drawn once. */
function changed(thread) {
  if (thread) dirty.add(thread);
  if (drawing) return;
  drawing = true;
  queueMicrotask(() => {
    drawing = false;
    if (!desk) return;
    if (dirty.has(current)) desk.drawTalk();
    dirty.clear();
    desk.drawList();
    attention.count(mine().reduce((sum, t) => sum + t.unread, 0));
  });
}

/** Connected, for the first time or again: read how things stand. */
function hello() {
  readLines().catch(quietly);
  readMine().catch((problem) => problem.status !== 401 && notice(problem.message));
}

async function readLines() {
  const { items } = await call('GET', '/lines');
  const before = new Map(lines.map((l) => [l.id, l.waiting]));
  const more = items.filter((l) => before.has(l.id) && l.waiting > before.get(l.id));
  lines = items;
  if (more.length) {
    attention.ring('有新的纳税人等待', true);
    say(`${more[0].name}有新的纳税人等待，共 ${more[0].waiting} 人`);
  }
  desk?.drawLines();
}

async function readMine() {
  const { items } = await call('GET', '/me/conversations?limit=200');
  if (!desk) return;
  const shown = new Set(items.map((c) => c.id));
  for (const info of items) if (info.state === 'active' || threads.has(info.id)) threadOf(info);
  for (const t of threads.values()) {
    if (!shown.has(t.id) && t.open) t.refresh().then(() => t.info.staff_no === me.staff_no || letGo(t)).catch(lost(t));
    else if (t.loaded) t.fill().catch(quietly);
  }
  desk.recent(items.filter((c) => c.state === 'closed'));
  changed();
  if (!current) {
    const last = threads.get(kept.get('conversation'));
    if (last && desk.wide()) open(last);
  }
}

let linesAsked = 0;
function event(e) {
  if (e.kind === 'line.moved' || e.kind === 'line.entered') {
    clearTimeout(linesAsked);
    linesAsked = setTimeout(() => readLines().catch(quietly), 150);
  }
  if (!e.conversation) return;
  const thread = threads.get(e.conversation);
  if (thread?.apply(e) || (!thread && ['conversation.claimed', 'conversation.transferred'].includes(e.kind))) {
    call('GET', `/conversations/${e.conversation}`).then((info) => {
      if (info.staff_no !== me.staff_no) return thread && letGo(thread);
      const was = thread?.info.state;
      threadOf(info);
      if (was === 'active' && info.state === 'closed' && !e.mine) say(`与${info.taxpayer_name}的会话已结束`);
    }).catch(lost(thread));
  }
}

/** What cannot be read because it is somebody else's affair now leaves the desk. */
const lost = (thread) => (problem) => (thread && problem.status === 404 ? letGo(thread) : quietly(problem));

/** Somebody else has the conversation now, or it waits again. */
function letGo(thread) {
  threads.delete(thread.id);
  if (current === thread) open(null);
  changed();
  say(`与${thread.info.taxpayer_name}的会话已转出`);
}

function typing({ conversation, who }) {
  const thread = threads.get(conversation);
  if (!thread || who !== 'taxpayer') return;
  thread.typingUntil = Date.now() + 6000;
  changed(thread);
  setTimeout(() => changed(thread), 6100);
}

// ---------------------------------------------------------------------------------------------- the desk

async function claim(line) {
  const { conversation } = await act(`/lines/${line.id}/claims`);
  const thread = threadOf(await call('GET', `/conversations/${conversation}`));
  readLines().catch(quietly);
  open(thread);
  say(`已接入 ${thread.info.taxpayer_name}，咨询事项：${thread.info.topic}`);
}

function open(thread) {
  current = thread;
  kept.set('conversation', thread?.id ?? null);
  document.body.classList.toggle('talking', Boolean(thread));
  desk.chat.show(thread);
  desk.drawTalk();
  desk.drawList();
  if (!thread) return;
  thread.load().catch((problem) => problem.status !== 401 && notice(problem.message));
  if (thread.open && matchMedia('(pointer: fine)').matches) desk.chat.box.focus();
}

function step(by) {
  const all = desk.shown();
  if (!all.length) return;
  const at = all.indexOf(current);
  open(all[at < 0 ? (by > 0 ? 0 : all.length - 1) : (at + by + all.length) % all.length]);
  desk.rowOf(current)?.scrollIntoView({ block: 'nearest' });
}

function nextUnread() {
  const all = mine();
  const at = all.indexOf(current);
  const next = [...all.slice(at + 1), ...all.slice(0, at + 1)].find((t) => t.unread);
  if (next) {
    open(next);
    desk.rowOf(next)?.scrollIntoView({ block: 'nearest' });
  } else say('没有未读消息');
}

async function closeCurrent() {
  const thread = current;
  if (thread?.info.state !== 'active') return;
  const outcomes = ['resolved', 'unresolved', 'no_answer'].map((value, i) => el('label', { class: 'choice' }, el('input', { type: 'radio', name: 'outcome', value, checked: i === 0 }), OUTCOMES[value]));
  const note = el('textarea', { rows: '3', maxlength: '500', 'aria-label': '备注', placeholder: '备注（可不填，最多 500 字）' });
  const set = el('fieldset', { class: 'outcomes' }, el('legend', {}, '处理结果'), ...outcomes);
  const body = el('div', {}, el('p', { class: 'hint' }, `${thread.info.taxpayer_name} · ${thread.info.topic}`), set, note);
  const end = await ask({
    title: '结束会话', body,
    choices: [{ text: '返回', value: null }, { text: '结束会话', value: true, kind: 'primary' }],
    read: () => ({ outcome: set.querySelector(':checked').value, note: note.value.trim() || null }),
  });
  if (!end) return;
  try {
    await act(`/conversations/${thread.id}/close`, end);
  } catch (problem) {
    if (problem.code !== 'interaction.closed') throw problem;
  }
  await thread.refresh();
  notice('会话已结束', 'good');
}

async function reveal(taxpayer, field, value) {
  const reason = el('input', { maxlength: '200', 'aria-label': '查看原因', placeholder: '例如：核对身份' });
  const why = await ask({
    title: `查看完整${FIELDS[field]}`, body: el('div', {}, el('p', {}, '查看会记入审计记录，请填写原因。'), reason),
    choices: [{ text: '取消', value: null }, { text: '查看', value: true, kind: 'primary' }],
    ready: () => (reason.value.trim() ? true : '请填写原因'), read: () => reason.value.trim(),
  });
  if (!why) return;
  const shown = await call('POST', `/taxpayers/${taxpayer}/reveal`, { body: { field, reason: why }, harmless: true });
  const masked = value.textContent;
  setText(value, shown.value);
  setTimeout(() => setText(value, masked), 30_000);
}

function layOut() {
  const lineList = el('ul', { class: 'desk-lines' });
  const list = el('ul', { class: 'desk-list', 'aria-label': '我的会话' });
  const filter = el('input', { type: 'search', 'aria-label': '查找会话', placeholder: '查找姓名、事项、号码', oninput: () => drawList() });
  const onlyUnread = el('button', { type: 'button', class: 'chip', 'aria-pressed': 'false', onclick: () => {
    onlyUnread.setAttribute('aria-pressed', String(onlyUnread.getAttribute('aria-pressed') !== 'true'));
    drawList();
  } }, '只看未读');
  const total = el('span', { class: 'hint' });
  const recentList = el('ul', { class: 'past' });
  const recentBox = el('details', { class: 'recent', hidden: true }, el('summary', {}, '最近结束'), recentList);
  const keys = el('details', { class: 'keys' }, el('summary', {}, '快捷键'), el('dl', {}, ...facts([['Alt + ↑ / ↓', '上一个 / 下一个会话'], ['Alt + U', '下一个未读'], ['Alt + J', '接入下一位'], ['Alt + 1…8', '常用语'], ['Alt + E', '结束会话'], ['Esc', '回到列表'], ['Enter', '发送，Shift + Enter 换行']])));
  const left = el('aside', { class: 'desk-left', 'aria-label': '队列和会话' },
    el('section', { 'aria-label': '队列' }, el('h2', {}, '队列'), lineList),
    el('section', { class: 'grow', 'aria-label': '我的会话' }, el('h2', {}, '我的会话 ', total), el('div', { class: 'filter' }, filter, onlyUnread), list),
    recentBox, keys);

  const canned = el('details', { class: 'canned' }, el('summary', {}, '常用语'), el('div', { class: 'canned-list' }, ...CANNED.map((text, i) => el('button', { type: 'button', class: 'chip', title: `Alt + ${i + 1}`, onclick: () => {
    canned.open = false;
    chat.insert(text);
  } }, el('kbd', {}, String(i + 1)), text))));
  const chat = new ChatPane({
    placeholder: '输入答复，Enter 发送，Shift + Enter 换行',
    nameOf: (sender) => (sender === 'taxpayer' ? current?.info.taxpayer_name ?? '纳税人' : '工作人员'),
    ontyping: (t) => live?.typing(t.id),
    onsend: (t, text) => outbox.add(t.id, text),
    extra: canned,
  });
  const back = el('button', { type: 'button', class: 'back', 'aria-label': '返回列表', onclick: () => open(null) }, '‹ 返回');
  const name = el('h1');
  const under = el('p', { class: 'hint' });
  const transcript = el('button', { type: 'button', onclick: () => current && showTranscript(current.id) }, '会话记录');
  const end = el('button', { type: 'button', class: 'danger', title: 'Alt + E' }, '结束会话');
  end.addEventListener('click', busy(end, closeCurrent));
  const result = el('p', { class: 'result', hidden: true });
  const talk = el('section', { class: 'desk-talk', hidden: true }, el('div', { class: 'talk-head' }, back, el('div', { class: 'grow' }, name, under), transcript, end), chat.root, result);
  const empty = el('div', { class: 'desk-empty' }, el('p', {}, '请从左侧选择会话，或接入下一位等待的纳税人。'));
  const card = el('aside', { class: 'desk-card', 'aria-label': '纳税人' });
  main.replaceChildren(el('div', { class: 'desk' }, left, el('div', { class: 'desk-middle' }, empty, talk), card));

  const lineRows = new Map();
  function drawLines() {
    const here = new Set(lines.map((l) => l.id));
    for (const [id, row] of lineRows) if (!here.has(id)) { row.node.remove(); lineRows.delete(id); }
    for (const line of lines) {
      let row = lineRows.get(line.id);
      if (!row) {
        const button = el('button', { type: 'button', class: 'primary claim' }, '接入下一位');
        row = { name: el('strong'), waiting: el('span'), button, node: null };
        row.node = el('li', { 'data-line': line.id }, el('div', {}, row.name, row.waiting), button);
        button.addEventListener('click', busy(button, () => claim(line)));
        lineRows.set(line.id, row);
        lineList.append(row.node);
      }
      setText(row.name, line.name);
      setText(row.waiting, line.open ? `${line.waiting} 人等待` : '已停止接待');
      row.waiting.className = line.waiting ? 'count some' : 'count';
      row.button.classList.toggle('quiet', !line.waiting);
      row.button.hidden = !line.open && !line.waiting;
    }
    if (!lines.length) lineList.replaceChildren(el('li', { class: 'hint' }, '没有您负责的队列'));
  }

  const rows = new Map();
  let shownNow = [];
  function drawList() {
    const all = mine();
    const words = filter.value.trim();
    const unreadOnly = onlyUnread.getAttribute('aria-pressed') === 'true';
    const fits = (t) => (!words || [t.info.taxpayer_name, t.info.topic, String(t.info.ticket)].some((s) => s.includes(words))) && (!unreadOnly || t.unread || t === current);
    shownNow = all.filter(fits);
    const unread = all.filter((t) => t.unread).length;
    setText(total, all.length ? `${all.length} 个${unread ? `，${unread} 个有未读` : ''}` : '');
    const keep = new Set(shownNow);
    for (const [t, row] of rows) if (!keep.has(t)) { row.node.remove(); rows.delete(t); }
    let at = list.firstElementChild;
    for (const t of shownNow) {
      let row = rows.get(t);
      if (!row) {
        row = { who: el('strong'), topic: el('span', { class: 'topic' }), last: el('span', { class: 'last' }), when: el('time'), badge: el('span', { class: 'badge' }) };
        row.button = el('button', { type: 'button', class: 'row', onclick: () => open(t) }, el('span', { class: 'row-head' }, row.who, row.when), el('span', { class: 'row-body' }, row.topic, row.badge), row.last);
        row.node = el('li', { 'data-conversation': t.id }, row.button);
        rows.set(t, row);
      }
      if (row.node === at) at = at.nextElementSibling;
      else list.insertBefore(row.node, at);
      const n = t.unread;
      setText(row.who, t.info.taxpayer_name || '纳税人');
      setText(row.topic, t.info.topic);
      setText(row.badge, n > 99 ? '99+' : String(n));
      row.badge.hidden = !n;
      row.badge.setAttribute('aria-label', `${n} 条未读`);
      const typingNow = t.typingUntil > Date.now();
      setText(row.last, typingNow ? '正在输入…' : t.newest ? `${t.newest.sender === 'taxpayer' ? '' : '我：'}${t.newest.text}` : '还没有消息');
      const waits = t.newest && t.newest.sender === 'taxpayer' ? Math.floor((Date.now() - new Date(t.newest.sent_at)) / 60_000) : 0;
      setText(row.when, waits >= 1 ? `已等 ${waits} 分钟` : t.newest ? timeOf(t.newest.sent_at) : `号 ${t.info.ticket}`);
      row.when.className = waits >= 2 ? 'late' : '';
      row.node.classList.toggle('unread', n > 0);
      if (t === current) row.button.setAttribute('aria-current', 'true');
      else row.button.removeAttribute('aria-current');
    }
    list.classList.toggle('none', !shownNow.length);
  }

  let carded = null;
  function drawTalk() {
    const t = current;
    talk.hidden = !t;
    empty.hidden = Boolean(t);
    card.hidden = !t;
    if (!t) {
      carded = null;
      return;
    }
    const { info } = t;
    setText(name, info.taxpayer_name || '纳税人');
    setText(under, `号 ${info.ticket} · ${info.topic}`);
    end.hidden = info.state !== 'active';
    result.hidden = t.open;
    setText(result, t.open ? '' : `会话${STATES[info.state]}${info.outcome ? `：${OUTCOMES[info.outcome]}` : ''}${info.ended_at ? `，${dayAndTimeOf(info.ended_at)}` : ''}`);
    chat.update();
    const key = `${info.id} ${info.state}`;
    if (carded !== key) {
      carded = key;
      drawCard(t);
    }
  }

  async function drawCard(t) {
    const { info } = t;
    const person = el('dl', { class: 'facts' }, el('dd', { class: 'hint' }, '正在读取…'));
    card.replaceChildren(el('h2', {}, '纳税人'), person, el('h2', {}, '本次咨询'), el('dl', { class: 'facts' }, ...facts([['事项', info.topic], ['队列', info.line_name], ['号码', String(info.ticket)], ['来源', CHANNELS[info.channel]], ['取号', dayAndTimeOf(info.entered_at)], ['接入', info.claimed_at ? dayAndTimeOf(info.claimed_at) : '']])));
    try {
      const p = cards.get(info.taxpayer) ?? (await call('GET', `/taxpayers/${info.taxpayer}`));
      cards.set(info.taxpayer, p);
      if (current !== t) return;
      const pairs = facts([['类型', KINDS[p.kind] ?? p.kind], ['姓名', p.name], ['证件号码', p.number], ['手机号码', p.phone], ['主管税务机关', p.authority]]);
      if (me.operations?.includes('identity.reveal_taxpayer')) {
        for (const [field, word] of Object.entries(FIELDS)) {
          const value = pairs[pairs.findIndex((n) => n.textContent === word) + 1];
          if (!p[field] || !p[field].includes('*')) continue;
          const text = el('span', {}, p[field]);
          const button = el('button', { type: 'button', class: 'link', 'aria-label': `查看完整${word}` }, '查看');
          button.addEventListener('click', busy(button, () => reveal(info.taxpayer, field, text)));
          value.replaceChildren(text, ' ', button);
        }
      }
      person.replaceChildren(...pairs);
      if (p.synthetic) person.after(el('p', { class: 'tag' }, '模拟数据'));
    } catch (problem) {
      if (current === t) person.replaceChildren(el('dd', { class: 'hint' }, problem.message));
      quietly(problem);
    }
  }

  function recent(closed) {
    recentBox.hidden = !closed.length;
    recentList.replaceChildren(...closed.slice(0, 30).map((c) => el('li', {}, el('div', {}, el('strong', {}, c.taxpayer_name), el('span', { class: 'hint' }, `${c.topic} · ${OUTCOMES[c.outcome] ?? ''}`)), el('button', { type: 'button', onclick: () => showTranscript(c.id) }, '记录'))));
  }

  // Arrow keys walk through the list itself, too.
  list.addEventListener('keydown', (e) => {
    if (e.altKey || (e.key !== 'ArrowDown' && e.key !== 'ArrowUp')) return;
    const buttons = [...list.querySelectorAll('.row')];
    const to = buttons[buttons.indexOf(document.activeElement) + (e.key === 'ArrowDown' ? 1 : -1)];
    if (to) {
      e.preventDefault();
      to.focus();
    }
  });

  return { chat, drawLines, drawList, drawTalk, recent, canned, end, lineList, shown: () => shownNow, rowOf: (t) => rows.get(t)?.button, wide: () => matchMedia('(min-width: 800px)').matches, clock: setInterval(drawList, 30_000) };
}

document.addEventListener('keydown', (e) => {
  if (!desk || document.querySelector('dialog[open]') || e.isComposing) return;
  if (e.key === 'Escape' && current) {
    const row = desk.rowOf(current);
    open(null);
    row?.focus();
    return;
  }
  if (!e.altKey || e.ctrlKey || e.metaKey) return;
  const digit = /^Digit([1-9])$/.exec(e.code)?.[1];
  const line = () => desk.lineList.querySelector('.count.some')?.closest('li').querySelector('.claim');
  const todo = { ArrowDown: () => step(1), ArrowUp: () => step(-1), KeyU: nextUnread, KeyJ: () => line()?.click(), KeyE: () => !desk.end.hidden && current && desk.end.click() }[e.code] ?? (digit && CANNED[digit - 1] && current?.open ? () => desk.chat.insert(CANNED[digit - 1]) : null);
  if (!todo) return;
  e.preventDefault();
  todo();
});

if (session.token && session.kind === 'officer') enterPage();
else signIn('');
