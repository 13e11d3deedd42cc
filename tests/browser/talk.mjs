// A whole conversation in two browsers, by clicking and typing as people would.
//
//   BASE_URL=http://127.0.0.1:8080 TAXPAYER_LOGIN=… TAXPAYER_PASSWORD=… OFFICER_LOGIN=… OFFICER_PASSWORD=… \
//   SHOTS=/tmp/shots LINE=个人所得税咨询 node talk.mjs
//
// SHOTS (a directory for screenshots), LINE (name of a line; the first open one otherwise) and CHROMIUM are optional.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { chromium } from 'playwright-core';

const need = (name) => process.env[name] ?? (console.error(`${name} is not set`), process.exit(2));
const base = need('BASE_URL').replace(/\/$/, '');
const people = { taxpayer: [need('TAXPAYER_LOGIN'), need('TAXPAYER_PASSWORD')], officer: [need('OFFICER_LOGIN'), need('OFFICER_PASSWORD')] };
const shots = process.env.SHOTS;
if (shots) mkdirSync(shots, { recursive: true });

const WAIT = 15_000;
const tag = Date.now().toString(36);
const complaints = [];
let cutOff = false; // while we cut the network ourselves, the browser may report it
let step = 'start';

function watch(name, page) {
  page.setDefaultTimeout(WAIT);
  page.on('pageerror', (e) => complaints.push(`${name}, ${step}: ${e.stack ?? e}`));
  page.on('console', (m) => {
    if (m.type() !== 'error' && m.type() !== 'warning') return;
    const ours = /net::ERR_(INTERNET_DISCONNECTED|FAILED|NETWORK_CHANGED)|WebSocket connection to .* failed/.test(m.text());
    if (!(cutOff && ours)) complaints.push(`${name}, ${step}: ${m.text()} (${m.location().url})`);
  });
  return page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (e) => console.error(`CSP: ${e.violatedDirective} ${e.blockedURI} ${e.sourceFile}:${e.lineNumber}`));
  });
}

async function shot(page, name) {
  if (shots) await page.screenshot({ path: `${shots}/${name}.png` });
}

function say(text) {
  step = text;
  console.log(`- ${text}`);
}

async function signIn(page, who) {
  await page.getByLabel('账号').fill(people[who][0]);
  await page.getByLabel('密码').fill(people[who][1]);
  await page.getByRole('button', { name: '登录' }).click();
}

const bubble = (page, text) => page.locator('.message', { hasText: text });
const once = async (page, text) => {
  await bubble(page, text).first().waitFor();
  assert.equal(await bubble(page, text).count(), 1, `“${text}” is shown once`);
};
const marked = (page, text, state) => bubble(page, text).locator('.mark-state', { hasText: state }).waitFor();
const write = async (page, text) => {
  await page.getByLabel('输入消息').click();
  await page.keyboard.type(text);
  await page.keyboard.press('Enter');
};
const blinks = (page, words) => page.waitForFunction((w) => document.title.startsWith('【') && document.title.includes(w), words);
const look = (page, away) =>
  page.evaluate((is) => {
    Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => (is ? 'hidden' : 'visible') });
    document.dispatchEvent(new Event('visibilitychange'));
  }, away);

async function talk(browser) {
  const phone = await browser.newContext({ viewport: { width: 390, height: 844 }, locale: 'zh-CN', hasTouch: true });
  const office = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'zh-CN' });
  const taxpayer = await phone.newPage();
  const officer = await office.newPage();
  await watch('taxpayer', taxpayer);
  await watch('officer', officer);

  say('start page and document of the API');
  await officer.goto(`${base}/`);
  await shot(officer, '01-start-wide');
  await officer.getByRole('link', { name: '接口文档' }).click();
  await officer.locator('.op').first().waitFor();
  await officer.getByLabel('搜索').fill('lines');
  await officer.getByText(/找到 \d+ 项/).waitFor();
  await officer.locator('.op:visible').first().locator('summary').click();
  await shot(officer, '02-docs');

  say('the officer signs in and is present');
  await officer.goto(`${base}/`);
  await officer.getByRole('link', { name: '我是工作人员' }).click();
  await shot(officer, '03-sign-in');
  await signIn(officer, 'officer');
  await officer.locator('.presence.on').waitFor();
  await officer.locator('.desk-lines li').first().waitFor();

  say('the taxpayer signs in and takes a number');
  await taxpayer.goto(`${base}/`);
  await shot(taxpayer, '04-start-phone');
  await taxpayer.getByRole('link', { name: '我是纳税人' }).click();
  await signIn(taxpayer, 'taxpayer');
  await taxpayer.getByRole('heading', { name: '选择队列' }).waitFor();
  const line = process.env.LINE ? taxpayer.locator('.line', { hasText: process.env.LINE }) : taxpayer.locator('.line:not(.closed)').first();
  await line.click();
  const lineName = await line.locator('strong').textContent();
  await taxpayer.getByLabel('咨询事项').fill(`子女教育专项附加扣除 ${tag}`);
  await shot(taxpayer, '05-lines');
  await taxpayer.getByRole('button', { name: '取号排队' }).click();
  assert.match(await taxpayer.locator('#ticket').textContent(), /^\d+$/);
  await taxpayer.getByText(/前面还有 \d+ 人|下一位就是您/).waitFor();
  await taxpayer.getByText(/\d+ 位工作人员在线/).waitFor();

  say('the officer is told by title that somebody waits');
  await blinks(officer, '有新的纳税人等待');

  say('the taxpayer writes while waiting');
  await write(taxpayer, `您好，请问子女教育怎么填？${tag}`);
  await marked(taxpayer, '子女教育怎么填', '已发送');
  await shot(taxpayer, '06-waiting');
  await look(taxpayer, true);

  say('the officer takes the first in line');
  const row = officer.locator('.desk-lines li', { hasText: lineName });
  await row.getByText('1 人等待').waitFor();
  await row.getByRole('button', { name: '接入下一位' }).click();
  await once(officer, `子女教育怎么填？${tag}`);
  await officer.locator('.desk-card').getByText('证件号码').waitFor();
  await blinks(taxpayer, '工作人员已接入');
  await look(taxpayer, false);
  await taxpayer.getByText('正在为您服务').waitFor();
  await taxpayer.waitForFunction(() => !document.title.startsWith('【'));
  await marked(taxpayer, '子女教育怎么填', '已读');

  say('the officer hands the conversation on: it leaves the desk, the taxpayer waits again, and it is taken again');
  await officer.evaluate(async () => {
    const { act, call } = await import('/assets/client.js');
    const { items } = await call('GET', '/me/conversations?limit=1');
    await act(`/conversations/${items[0].id}/transfer`, { to: { line: items[0].line }, note: '请续办' });
  });
  await officer.waitForFunction(() => !document.querySelector('.desk-list .badge') && !document.body.classList.contains('talking'));
  await taxpayer.getByText(/下一位就是您|前面还有 \d+ 人/).waitFor();
  await row.getByText('1 人等待').waitFor();
  await row.getByRole('button', { name: '接入下一位' }).click();
  await once(officer, `子女教育怎么填？${tag}`);
  await taxpayer.getByText('正在为您服务').waitFor();

  say('the officer answers; typing shows, the read mark comes back');
  await officer.getByLabel('输入消息').click();
  await officer.keyboard.press('Alt+1');
  await taxpayer.getByText('对方正在输入').waitFor();
  await officer.keyboard.press('Enter');
  await once(taxpayer, '很高兴为您服务');
  await marked(officer, '很高兴为您服务', '已读');

  say('away from the conversation: unread badge and blinking title');
  await officer.keyboard.press('Escape');
  await write(taxpayer, `我在“专项附加扣除”页面，找不到入口 ${tag}`);
  const badge = officer.locator('.desk-list .badge');
  await badge.getByText('1', { exact: true }).waitFor();
  await blinks(officer, '发来新消息');
  await shot(officer, '07-unread');
  assert.equal(await bubble(taxpayer, '找不到入口').locator('.mark-state').textContent(), '已发送', 'nobody has read it yet');

  say('both reload in the middle');
  await Promise.all([taxpayer.reload(), officer.reload()]);
  await once(taxpayer, '找不到入口');
  await once(taxpayer, '很高兴为您服务');
  await badge.getByText('1', { exact: true }).waitFor();
  await officer.waitForFunction(() => document.title.startsWith('(1) '));
  await officer.keyboard.press('Alt+U');
  await once(officer, '找不到入口');
  await badge.waitFor({ state: 'hidden' });
  await marked(taxpayer, '找不到入口', '已读');

  say('the taxpayer is cut off, writes, and is connected again');
  cutOff = true;
  await phone.setOffline(true);
  await taxpayer.getByText('网络暂时断开').waitFor();
  await write(taxpayer, `断网时写的一句 ${tag}`);
  await marked(taxpayer, '断网时写的一句', '发送中');
  await shot(taxpayer, '08-offline');
  await write(officer, `请在首页点击“专项附加扣除填报”。${tag}`);
  await marked(officer, '请在首页点击', '已发送');
  await phone.setOffline(false);
  await once(taxpayer, '请在首页点击');
  await marked(taxpayer, '断网时写的一句', /已发送|已读/);
  await once(officer, '断网时写的一句');
  await taxpayer.getByText('网络暂时断开').waitFor({ state: 'hidden' });

  say('the answer to a message is lost and the page is reloaded: it still arrives once');
  let sent = 0;
  await taxpayer.route('**/messages', async (route) => {
    if (route.request().method() !== 'POST') return route.continue();
    await route.fetch();
    sent++;
    await route.abort();
  });
  await write(taxpayer, `回执丢失的一句 ${tag}`);
  await once(officer, '回执丢失的一句');
  await taxpayer.reload();
  await once(taxpayer, '回执丢失的一句');
  await taxpayer.unroute('**/messages');
  await marked(taxpayer, '回执丢失的一句', /已发送|已读/);
  assert.ok(sent >= 1);
  await once(officer, '回执丢失的一句');
  await once(taxpayer, '断网时写的一句');
  cutOff = false;
  await shot(taxpayer, '09-talk');
  await shot(officer, '10-desk');

  say('large letters');
  await taxpayer.getByRole('button', { name: '大字版' }).click();
  assert.ok((await taxpayer.evaluate(() => parseFloat(getComputedStyle(document.querySelector('.bubble')).fontSize))) >= 18);
  await shot(taxpayer, '11-large');
  await taxpayer.getByRole('button', { name: '标准版' }).click();

  say('the officer closes with an outcome');
  await officer.keyboard.press('Alt+E');
  await officer.getByLabel('已解决', { exact: true }).check();
  await officer.getByLabel('备注').fill('已指导填报');
  await shot(officer, '12-close');
  await officer.locator('dialog').getByRole('button', { name: '结束会话' }).click();
  await officer.getByText('会话已结束：已解决').waitFor();
  await taxpayer.getByText('处理结果：已解决').waitFor();
  assert.equal(await taxpayer.getByLabel('输入消息').isVisible(), false, 'nothing can be written any more');
  await shot(taxpayer, '13-ended');

  say('both read the transcript');
  for (const [name, page] of [['taxpayer', taxpayer], ['officer', officer]]) {
    await page.getByRole('button', { name: name === 'officer' ? '会话记录' : '查看会话记录' }).click();
    await page.locator('.record').getByText('会话结束').waitFor();
    const texts = await page.locator('.record li:not(.happened) .pre').allTextContents();
    const wanted = ['子女教育怎么填', '很高兴为您服务', '找不到入口', '断网时写的一句|请在首页点击', '断网时写的一句|请在首页点击', '回执丢失的一句'];
    assert.equal(texts.length, wanted.length, texts.join(' / '));
    wanted.forEach((w, i) => assert.match(texts[i], new RegExp(w)));
    await shot(page, `14-transcript-${name}`);
    await page.getByRole('button', { name: '关闭' }).click();
  }

  say('home again, then both sign out');
  await taxpayer.getByRole('button', { name: '再次咨询' }).click();
  await taxpayer.getByRole('heading', { name: '以前的咨询' }).waitFor();
  await shot(taxpayer, '15-home');
  await officer.setViewportSize({ width: 390, height: 844 });
  await officer.keyboard.press('Escape');
  await shot(officer, '16-officer-phone');
  for (const page of [taxpayer, officer]) {
    await page.getByRole('button', { name: '退出' }).click();
    await page.getByLabel('密码').waitFor();
    assert.equal(await page.evaluate(() => sessionStorage.length), 0, 'nothing stays behind');
  }
  assert.deepEqual(complaints, [], 'no error on any console');
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
try {
  await talk(browser);
  console.log('OK');
} catch (error) {
  console.error(`FAILED at: ${step}\n${error.stack ?? error}`);
  for (const c of complaints) console.error(`  console: ${c}`);
  if (shots) {
    const pages = browser.contexts().flatMap((c) => c.pages());
    for (const [i, page] of pages.entries()) await page.screenshot({ path: `${shots}/failed-${i}.png` }).catch(() => {});
  }
  process.exitCode = 1;
} finally {
  await browser.close();
}
