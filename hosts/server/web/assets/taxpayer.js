// The taxpayer's page: take a number, wait, talk, read it again later.

import {
  $, Attention, ChatPane, Live, OUTCOMES, Outbox, Problem, STATES, Thread, act, ask, busy, call, dayAndTimeOf, el, elderSwitch, kept, linkState, notice, say, session, setText, showTranscript, signInForm,
} from './client.js';

// A signed link names the line it leads to, and says where whoever follows it comes from.
const followed = new URLSearchParams(location.search);
const TOPICS = ['个人所得税', '发票', '社保费', '车辆购置税', '契税', '办税登记', '申报缴税', '其他'];

const main = $('main');
const attention = new Attention();
const threads = new Map();
let me = null;
let outbox = null;
let live = null;
let view = null; // what is on the page: { update(), event(), ... }

function become(next) {
  view?.stop?.();
  view = next;
}

// ---------------------------------------------------------------------------------------------- start and end

session.onended = (message) => {
  live?.stop();
  live = null;
  threads.clear();
  attention.count(0);
  linkState('here');
  signIn(message);
};

function signIn(message) {
  become(null);
  $('tools').replaceChildren(elderSwitch());
  main.replaceChildren(signInForm({ title: '纳税人登录', lead: '登录后取号排队，工作人员会在线答复您。', wanted: 'taxpayer', message, done: enterPage }));
  main.querySelector('input').focus();
}

async function enterPage() {
  try {
    me = await call('GET', '/me');
  } catch (problem) {
    return problem.status === 401 ? undefined : broken(problem, enterPage);
  }
  if (me.kind !== 'taxpayer') return session.signOut();
  outbox = new Outbox(me.taxpayer, (id) => {
    threads.get(id)?.onchange();
  });
  outbox.onsent = (id, message) => threads.get(id)?.take(message);
  const leave = el('button', { type: 'button', class: 'tool', onclick: () => signOut() }, '退出');
  $('tools').replaceChildren(el('span', { class: 'me' }, me.name), attention.soundSwitch(), elderSwitch(), leave);
  let items;
  try {
    ({ items } = await call('GET', '/me/conversations?limit=20'));
  } catch (problem) {
    return problem.status === 401 ? undefined : broken(problem, enterPage);
  }
  const open = items.map(threadOf).filter((t) => t.open);
  live?.stop();
  live = new Live({ hello, event, typing, position: (p) => view?.placed?.(p), state: linkState });
  live.start();
  outbox.resume();
  const last = open.find((t) => t.id === kept.get('conversation')) ?? open[0];
  if (last && kept.get('conversation') !== 'none') show(last);
  else home();
}

async function signOut() {
  if (outbox?.size) {
    const sure = await ask({ title: '还有消息没有发出', body: el('p', {}, `还有 ${outbox.size} 条消息没有发出，退出后将不再发送。`), choices: [{ text: '继续等待', value: null }, { text: '仍要退出', value: true, kind: 'danger' }] });
    if (!sure) return;
  }
  await session.signOut();
}

function broken(problem, again) {
  become(null);
  main.replaceChildren(el('div', { class: 'card' }, el('h1', {}, '暂时打不开'), el('p', {}, problem.message), el('button', { type: 'button', class: 'primary', onclick: again }, '再试一次')));
}

// ---------------------------------------------------------------------------------------------- what happens

function threadOf(info) {
  let thread = threads.get(info.id);
  if (thread) {
    thread.update(info);
    return thread;
  }
  thread = new Thread(info, outbox);
  thread.onchange = () => {
    view?.update(thread);
    count();
  };
  thread.onarrived = (t, message) => {
    attention.ring('工作人员回复了您', view?.thread !== t);
    say(message ? `工作人员说：${message.text}` : '工作人员回复了您');
  };
  threads.set(info.id, thread);
  return thread;
}

function count() {
  attention.count([...threads.values()].filter((t) => t.open).reduce((sum, t) => sum + t.unread, 0));
}

const quietly = (problem) => {
  if (!(problem instanceof Problem)) throw problem;
};

/** Connected, for the first time or again: the present state may have moved on while nobody told us. */
function hello() {
  for (const thread of threads.values()) if (thread.open) state(thread).catch(quietly);
  view?.hello?.();
}

/** Reads a conversation anew and tells what has changed. */
async function state(thread) {
  const before = thread.info.state;
  await thread.refresh();
  const now = thread.info.state;
  if (now === before) return;
  const words = { waiting: '请稍候，正在为您重新排队', active: '工作人员已接入', closed: '会话已结束', left: '您已离开队列' }[now];
  if (words) {
    if (now !== 'left') attention.ring(words, view?.thread !== thread);
    say(words);
  }
  view?.update(thread);
}

function event(e) {
  const thread = e.conversation && threads.get(e.conversation);
  if (thread?.apply(e)) state(thread).catch(quietly);
  else if (!thread && e.kind === 'conversation.entered') call('GET', `/conversations/${e.conversation}`).then(threadOf).then(() => view?.hello?.()).catch(quietly); // entered in another window
  if (e.kind === 'line.moved' || e.kind === 'line.entered') view?.moved?.(e.topic.slice('line/'.length));
}

function typing({ conversation, who }) {
  const thread = threads.get(conversation);
  if (!thread || who !== 'officer') return;
  thread.typingUntil = Date.now() + 6000;
  thread.onchange();
  setTimeout(() => thread.onchange(), 6100);
}

// ---------------------------------------------------------------------------------------------- taking a number

function home() {
  kept.set('conversation', 'none');
  let chosen = null;
  const lines = el('div', { class: 'lines', role: 'radiogroup', 'aria-labelledby': 'choose' }, el('p', { class: 'hint' }, '正在读取…'));
  const topic = el('input', { id: 'topic', maxlength: '100', placeholder: '例如：子女教育专项附加扣除怎么填', autocomplete: 'off' });
  const chips = el('div', { class: 'chips' }, ...TOPICS.map((t) => el('button', { type: 'button', class: 'chip', onclick: () => { topic.value = t; topic.focus(); } }, t)));
  const wrong = el('p', { class: 'bad', role: 'alert' });
  const button = el('button', { type: 'submit', class: 'primary wide' }, '取号排队');
  const ongoing = el('div');
  const past = el('div');
  const enter = async () => {
    setText(wrong, '');
    if (!chosen) return setText(wrong, '请先选择要咨询的队列');
    if (!topic.value.trim()) {
      topic.focus();
      return setText(wrong, '请用一句话说明您要咨询的事项');
    }
    let id;
    try {
      ({ conversation: id } = await act(`/lines/${chosen}/conversations`, { topic: topic.value.trim(), ...(followed.get('line') === chosen && { entry: followed.get('entry') }) }));
    } catch (problem) {
      if (problem.code !== 'interaction.already_in_line' || !problem.related) throw problem;
      notice(problem.message, 'good');
      id = problem.related;
    }
    show(threadOf(await call('GET', `/conversations/${id}`)));
  };
  const form = el('form', { class: 'card', onsubmit: (e) => busy(button, enter)(e), novalidate: true },
    el('h2', { id: 'choose' }, '选择队列'), lines,
    el('label', { class: 'field', for: 'topic' }, el('span', {}, '咨询事项')), topic, chips, wrong, button);
  main.replaceChildren(el('div', { class: 'page' }, el('h1', {}, '您好，请问有什么可以帮您？'), ongoing, form, past));

  const read = async () => {
    const { items } = await call('GET', '/lines');
    if (!view?.isHome) return;
    const open = items.filter((l) => l.open);
    if (!open.some((l) => l.id === chosen)) chosen = open.length === 1 ? open[0].id : null;
    const focused = lines.contains(document.activeElement) ? document.activeElement.value : null;
    lines.replaceChildren(...items.map((line) => {
      const input = el('input', { type: 'radio', name: 'line', value: line.id, checked: line.id === chosen, disabled: !line.open, onchange: () => (chosen = line.id) });
      return el('label', { class: line.open ? 'line' : 'line closed' }, input, el('strong', {}, line.name), el('span', { class: 'hint' }, !line.open ? '暂不接待' : line.waiting ? `${line.waiting} 人等待` : '无需等待'));
    }));
    if (!items.length) lines.replaceChildren(el('p', { class: 'hint' }, '现在没有开放的队列，请稍后再来。'));
    if (focused) lines.querySelector(`input[value="${CSS.escape(focused)}"]`)?.focus();
  };
  const mine = async () => {
    const { items } = await call('GET', '/me/conversations?limit=20');
    if (!view?.isHome) return;
    const over = items.filter((c) => c.state === 'closed' || c.state === 'left');
    past.replaceChildren(over.length ? el('section', { class: 'card' }, el('h2', {}, '以前的咨询'), el('ul', { class: 'past' }, ...over.map((c) => el('li', {},
      el('div', {}, el('strong', {}, c.topic), el('span', { class: 'hint' }, `${dayAndTimeOf(c.entered_at)} · ${c.line_name} · ${c.outcome ? OUTCOMES[c.outcome] : STATES[c.state]}`)),
      el('button', { type: 'button', onclick: () => showTranscript(c.id) }, '查看记录'))))) : '');
  };
  const update = () => {
    const open = [...threads.values()].filter((t) => t.open);
    ongoing.replaceChildren(...open.map((t) => el('button', { type: 'button', class: 'card ongoing', onclick: () => show(t) },
      el('span', {}, el('strong', {}, t.info.topic), el('span', { class: 'hint' }, `${t.info.line_name} · ${STATES[t.info.state]}`)),
      t.unread ? el('span', { class: 'badge', 'aria-label': `${t.unread} 条未读` }, String(t.unread)) : el('span', { 'aria-hidden': 'true' }, '›'))));
  };
  become({ isHome: true, update, moved: () => read().catch(quietly), hello: () => { read().catch(quietly); update(); } });
  update();
  read().catch((problem) => lines.replaceChildren(el('p', { class: 'bad' }, problem.message)));
  mine().catch(quietly);
  main.focus();
  scrollTo(0, 0);
}

// ---------------------------------------------------------------------------------------------- waiting and talking

function minutes({ p50_s: low, p90_s: high }) {
  const [a, b] = [Math.max(1, Math.round(low / 60)), Math.max(1, Math.ceil(high / 60))];
  return a >= b ? `大约 ${b} 分钟` : `大约 ${a}-${b} 分钟`;
}

const NO_ESTIMATE = {
  not_served: '现在不在服务时间，请把问题写下来，工作人员会按时回复。',
  nobody_there: '工作人员暂时都不在线，上线后会按顺序接待。您可以先把问题写下来。',
  overloaded: '现在咨询的人很多，等待可能超过两小时，无法给出准确时间。您可以先把问题写下来，或请我们回电，号码会为您保留。',
};

function waitingWords({ ahead, estimate, no_estimate: why }) {
  if (!estimate) return NO_ESTIMATE[why] ?? '';
  const online = `${estimate.officers} 位工作人员在线`;
  if (ahead === 0) return `马上就轮到您了，请不要离开。${online}`;
  return `${minutes(estimate)}，${online}${estimate.sample ? '' : '（按一般情况估计）'}`;
}

function show(thread) {
  kept.set('conversation', thread.id);
  const chat = new ChatPane({
    placeholder: '请输入您的问题',
    nameOf: () => (thread.info.staff_no ? `工作人员 ${thread.info.staff_no}` : '工作人员'),
    ontyping: (t) => live?.typing(t.id),
    onsend: (t, text) => outbox.add(t.id, text),
  });
  const heading = el('h1', {}, thread.info.topic);
  const under = el('p', { class: 'hint' });
  const back = el('button', { type: 'button', class: 'back', 'aria-label': '返回', onclick: () => home() }, '‹ 返回');
  const ahead = el('p', { class: 'ahead', role: 'status' });
  const estimate = el('p', { class: 'estimate' });
  const leave = el('button', { type: 'button', class: 'leave' }, '不等了，离开队列');
  leave.addEventListener('click', busy(leave, async () => {
    const sure = await ask({ title: '要离开队列吗？', body: el('p', {}, '离开后号码作废，再来需要重新取号。'), choices: [{ text: '继续等待', value: null }, { text: '离开', value: true, kind: 'danger' }] });
    if (!sure) return;
    try {
      await act(`/conversations/${thread.id}/leave`);
    } catch (problem) {
      if (problem.code !== 'interaction.already_served') throw problem;
      notice(problem.message, 'good');
    }
    await state(thread);
  }));
  const waiting = el('section', { class: 'waiting', 'aria-label': '排队情况' }, el('div', { class: 'number' }, el('span', {}, '您的号码'), el('strong', { id: 'ticket' }, String(thread.info.ticket))), el('div', { class: 'place' }, ahead, estimate, leave));
  const result = el('section', { class: 'ended', 'aria-label': '会话结果', hidden: true });
  main.replaceChildren(el('div', { class: 'talk' }, el('div', { class: 'talk-head' }, back, el('div', {}, heading, under)), waiting, chat.root, result));

  const placed = (p) => {
    if (p.conversation !== thread.id) return;
    if (view?.thread !== thread) return;
    if (p.state !== thread.info.state) return state(thread);
    if (p.state !== 'waiting' || p.ahead === null) return;
    setText(ahead, p.ahead ? `前面还有 ${p.ahead} 人${p.first && p.first < p.ahead ? `，其中 ${p.first} 人优先办理` : ''}` : '前面没有人了，下一位就是您');
    setText(estimate, waitingWords(p));
  };
  // Asked once; from then on the host tells it each second in which it changed.
  const ask = () => thread.info.state === 'waiting' && call('GET', `/conversations/${thread.id}/position`).then(placed).catch(quietly);
  const draw = () => {
    const { info } = thread;
    waiting.hidden = info.state !== 'waiting';
    setText(under, info.state === 'waiting' ? `${info.line_name} · 排队中，可以先写下问题` : info.state === 'active' ? `${info.line_name} · 工作人员${info.staff_no ? ` ${info.staff_no} ` : ''}正在为您服务` : `${info.line_name} · ${STATES[info.state]}`);
    if (!thread.open && result.hidden) {
      result.hidden = false;
      result.replaceChildren(
        el('h2', {}, info.state === 'left' ? '您已离开队列' : '本次会话已结束'),
        el('p', {}, info.outcome ? `处理结果：${OUTCOMES[info.outcome]}` : '', info.ended_at ? el('span', { class: 'hint' }, ` ${dayAndTimeOf(info.ended_at)}`) : ''),
        el('div', { class: 'choices' }, el('button', { type: 'button', onclick: () => showTranscript(thread.id) }, '查看会话记录'), el('button', { type: 'button', class: 'primary', onclick: () => home() }, '再次咨询')));
    }
    chat.update();
  };
  become({
    thread,
    update: (t) => {
      if (t === thread) draw();
    },
    placed,
    hello: ask,
  });
  chat.show(thread);
  draw();
  ask();
  thread.load().then(draw).catch((problem) => problem.status !== 401 && notice(problem.message));
  main.focus();
  scrollTo(0, 0);
  if (matchMedia('(pointer: fine)').matches) chat.box.focus();
}

if (session.token && session.kind === 'taxpayer') enterPage();
else signIn('');
