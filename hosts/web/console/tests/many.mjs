import assert from 'node:assert/strict'

import { begin } from './begin.mjs'
import { both } from './pictures.mjs'

const MADE_UP = '00000000-0000-7000-8000-'
const OPEN = 40
const MESSAGES = 2_000
/** More are not rendered at once, whatever a conversation holds. */
const RENDERED_MAX = 120

const counts = (page) => page.evaluate(() => Object.fromEntries([...document.querySelectorAll('.conversation')].map((c) => [c.dataset.conversation, Number(c.querySelector('.badge')?.textContent ?? 0)])))

/** Forty conversations at one desk, four of them with somebody in them: by keyboard, over a cut, and one that is very long. */
export async function many({ host, site, step, newPage, shot, taxpayers, lines }) {
  const page = await newPage()
  let cut = false
  let sockets = []
  // The line to the host, to be cut.
  await page.routeWebSocket('**/api/v1/events?*', (socket) => {
    if (cut) return socket.close()
    sockets.push(socket)
    socket.connectToServer()
  })
  await page.route('**/api/v1/socket-tickets', (route) => (cut ? route.abort() : route.continue()))
  await begin(page, site, host.administrators.desk)

  step('four are taken with the keyboard')
  const real = []
  for (const taxpayer of taxpayers)
    for (const line of lines) {
      const { conversation } = await host.call('POST', `/lines/${line.id}/conversations`, { topic: '发票领用' }, taxpayer)
      real.push({ conversation, taxpayer })
      await page.locator(`[data-line="${line.id}"] .warn`).waitFor()
      await page.keyboard.press('Alt+j')
      await page.locator(`[data-conversation="${conversation}"]`).waitFor()
    }

  step('forty are listed, and reached one after the other with the keyboard')
  let busy = false
  await page.route('**/api/v1/me/conversations?*', async (route) => {
    if (busy) {
      busy = false
      return route.fulfill({ status: 429, json: { status: 429, code: 'rate.exceeded', title: '操作过于频繁，请稍后再试', retry_after_s: 1 } })
    }
    const answer = await route.fetch()
    if (!answer.ok()) return route.fulfill({ response: answer })
    const body = await answer.json()
    const one = body.items.find((c) => c.state === 'active')
    for (let i = 0; i < OPEN - real.length; i++) body.items.push({ ...one, id: MADE_UP + String(i).padStart(12, '0'), taxpayer_name: `张*${i}`, unread: 0, last_number: 0, unanswered_since: null })
    await route.fulfill({ json: body })
  })
  // The host has never heard of those.
  await page.route(`**/api/v1/conversations/${MADE_UP}*/messages?*`, (route) => route.fulfill({ json: { items: [] } }))
  await page.route(`**/api/v1/conversations/${MADE_UP}*/card`, async (route) => route.fulfill({ response: await route.fetch({ url: route.request().url().replace(/0{8}-[-0-9a-f]+/, real[0].conversation) }) }))
  await page.reload()
  await page.locator('.conversation').nth(OPEN - 1).waitFor()
  // One that is slow to come: somebody has gone on by then, and has not seen what is in it.
  const [looked, ...written] = real
  let release
  const released = new Promise((done) => (release = done))
  await page.route(`**/api/v1/conversations/${written.at(-1).conversation}/messages?*`, async (route) => (await released, route.continue()), { times: 1 })
  const walked = new Set()
  for (let i = 0; i < OPEN; i++) {
    const before = await page.locator('.conversation.on').getAttribute('data-conversation').catch(() => null)
    await page.keyboard.press('Alt+ArrowDown')
    await page.locator(`.conversation.on:not([data-conversation="${before}"])`).waitFor()
    walked.add(await page.locator('.conversation.on').getAttribute('data-conversation'))
    await page.locator('.conversation.on').evaluate((on) => {
      const { top, bottom } = on.getBoundingClientRect()
      const list = on.closest('.scroll').getBoundingClientRect()
      if (top < list.top - 1 || bottom > list.bottom + 1) throw new Error('the conversation that is open is out of sight')
    })
  }
  assert.equal(walked.size, OPEN, 'each of forty, once')

  step('what is written in three of forty while the line is cut is counted once it is back')
  await page.locator(`[data-conversation="${looked.conversation}"]`).click()
  await page.locator('.composer textarea').waitFor()
  const expected = Object.fromEntries(Object.keys(await counts(page)).map((id) => [id, 0]))
  assert.deepEqual(await counts(page), expected, 'nothing is unread to begin with')
  cut = true
  for (const socket of sockets.splice(0)) await socket.close()
  await page.locator('.presence.away').waitFor()
  const say = ({ conversation, taxpayer }, text) => host.call('POST', `/conversations/${conversation}/messages`, { text, confirmed: true }, taxpayer)
  for (const [i, where] of written.entries())
    for (let n = 0; n <= i; n++) {
      await say(where, `断线时第 ${n + 1} 句`)
      expected[where.conversation]++
    }
  assert.deepEqual([await page.locator('.badge').count(), await page.locator('.presence.away').count()], [0, 1], 'nothing is heard while it is cut')
  release()
  await page.locator(`[data-conversation="${written.at(-1).conversation}"] .badge`).waitFor()
  cut = false
  busy = true // once: the desk asks again
  const read = page.waitForResponse((r) => r.url().includes('/me/conversations?') && r.ok())
  await page.evaluate(() => dispatchEvent(new Event('online')))
  await page.locator('.presence.here').waitFor()
  await read
  // Said after the cut, and heard behind all that was said before: what would be counted twice has been by then.
  await say(written[0], '连上以后')
  expected[written[0].conversation]++
  await page.locator(`[data-conversation="${written[0].conversation}"]`, { hasText: '连上以后' }).waitFor()
  assert.deepEqual(await counts(page), expected)
  const sum = Object.values(expected).reduce((a, b) => a + b, 0)
  assert.equal(await page.locator('.menu .badge').innerText(), String(sum))
  assert.match(await page.title(), new RegExp(`^\\(${sum}\\)`))

  step('the next unread is one key away, and read when it is looked at')
  for (let left = written.length; left > 0; left--) {
    await page.keyboard.press('Alt+u')
    await page.waitForFunction((left) => document.querySelectorAll('.conversation .badge').length === left, left - 1)
  }
  assert.deepEqual(walked, new Set(Object.keys(await counts(page))), 'and none left the list')

  await long({ page, step, shot, conversation: looked.conversation })

  for (const { conversation, taxpayer } of real) await host.call('GET', `/conversations/${conversation}`, undefined, taxpayer).then((c) => assert.equal(c.state, 'active'))
  await page.unrouteAll()
  await page.reload()
  for (const { conversation } of real) {
    await page.locator(`[data-conversation="${conversation}"]`).click()
    await page.keyboard.press('Alt+e')
    await page.getByRole('dialog', { name: '结束会话' }).getByText('结束会话').last().click()
    await page.locator(`[data-conversation="${conversation}"]`).waitFor({ state: 'detached' })
  }
  await page.context().close()
}

/** The host's own message, told two thousand times: no demonstration may write so much. */
async function long({ page, step, shot, conversation }) {
  step('a conversation of two thousand messages opens at its end, and is read back to its beginning')
  const told = (number) => ({ number, sender: number % 3 ? 'taxpayer' : 'officer', mine: number % 3 === 0, text: `第 ${number} 句`.repeat(1 + (number % 7)), sent_at: new Date(Date.UTC(2026, 10, 23) + number * 60_000).toISOString(), client_id: null, staff_no: null, quoted: null, recalled_at: null })
  await page.route(`**/api/v1/conversations/${conversation}/messages?*`, (route) => {
    const query = new URL(route.request().url()).searchParams
    const after = Number(query.get('after'))
    const items = Array.from({ length: Math.min(Number(query.get('limit')), MESSAGES - after) }, (_, i) => told(after + i + 1))
    return route.fulfill({ json: { items } })
  })
  await page.reload()
  await page.locator(`[data-conversation="${conversation}"]`).click()
  const rendered = () => page.locator('.message').count()
  const message = (number) => page.locator(`.message[data-number="${number}"]`)
  await message(MESSAGES).waitFor()
  assert.ok((await rendered()) <= RENDERED_MAX, `${await rendered()} messages are rendered`)
  const atEnd = () => page.locator('.talk .scroll').evaluate((s) => s.scrollHeight - s.scrollTop - s.clientHeight < 2)
  assert.ok(await atEnd(), 'it opens at its end')
  await both(page, shot, 'long')
  assert.ok(await atEnd(), 'the end stays in sight however wide the window is')

  /** Scrolls by so much; answers how far what was in the middle of the window jumped beyond that. */
  const scroll = (by) =>
    page.locator('.talk .scroll').evaluate(async (box, by) => {
      const frame = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))
      const middle = box.getBoundingClientRect().top + box.clientHeight / 2
      const kept = [...box.querySelectorAll('.message')].find((m) => m.getBoundingClientRect().bottom > middle)
      const [before, from] = [kept.getBoundingClientRect().top, box.scrollTop]
      box.scrollTop = Math.max(0, from + by)
      const moved = box.scrollTop - from
      await frame()
      if (!kept.isConnected) throw new Error('what is looked at is not there any more')
      return Math.abs(kept.getBoundingClientRect().top - before + moved)
    }, by)
  let steps = 0
  while (!(await message(1).count())) {
    assert.ok((await scroll(-1_200)) < 2, 'what is looked at stays where it is')
    assert.ok((await rendered()) <= RENDERED_MAX)
    assert.ok(++steps < 500, 'the beginning is never reached')
  }
  assert.ok(steps > MESSAGES / RENDERED_MAX, 'not all at once')
  while (!(await message(MESSAGES).count())) {
    assert.ok((await scroll(1_200)) < 2, 'nor does it jump on the way back')
    assert.ok(++steps < 1_000, 'the end is never reached')
  }
}
