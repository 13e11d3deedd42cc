import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { accessible } from './accessible.mjs'
import { MAY_NOTHING, NOTHING, NOTHING_YET, mayAllBut, refused } from './everything.mjs'

/**
 * Every page: how many parts of it read something by themselves, and what each says where there is nothing.
 * `tab` and `ask` are pressed first; `within` are parts that are seen once another is there.
 */
const PAGES = [
  { path: '/desk', parts: 2, nothing: ['没有您可以接待的队列', '还没有进行中的会话'] },
  { path: '/wall', parts: 2, within: 1, nothing: ['没有等待过久的纳税人', '没有您可以督导的队列', '这段时间没有人进入队列', '现在没有人在岗', '没有符合条件的会话'] },
  { path: '/figures', parts: 2, nothing: ['这段时间没有会话', '这段时间没有人进入队列'] },
  { path: '/follow-ups', parts: 1, nothing: ['没有需要处理的差评'] },
  { path: '/complaints', parts: 1, nothing: ['没有需要处理的诉求'] },
  { path: '/approvals', parts: 1, nothing: ['没有审批单'] },
  { path: '/officers', parts: 1, nothing: ['没有人员'] },
  { path: '/authorities', parts: 1, nothing: ['没有符合条件的税务机关'] },
  { path: '/access', parts: 1, nothing: ['没有岗位'] },
  { path: '/access', tab: '不相容权限', parts: 1, nothing: ['没有不相容权限'] },
  { path: '/access', tab: '内控规则', parts: 1, nothing: [] },
  { path: '/lines', parts: 2, nothing: ['没有您可以设置的队列', '还没有常用语'] },
  { path: '/calendar', parts: 1, nothing: ['没有法定数值'] },
  { path: '/audit', parts: 1, nothing: ['按工号、操作'] },
  { path: '/audit', ask: '查询', parts: 2, nothing: ['没有符合条件的记录'] },
  { path: '/alerts', parts: 1, nothing: ['没有预警'] },
  { path: '/disclosures', parts: 1, nothing: ['没有申请'] },
  // Reads nothing until a file is given: administration.mjs drives it.
  { path: '/imports', parts: 0, nothing: ['试导'] },
  { path: '/emergency', parts: 1, nothing: ['没有可以取用的应急岗位'] },
  { path: '/account', parts: 1, nothing: ['没有代理'] },
]

/** Lists of which the host looks through so much a call. */
const PAGED = ['/follow-ups', '/complaints', '/approvals', '/officers', '/alerts', '/disclosures', '/wall']

const BROKEN = '系统出现问题，请稍后再试'

/** Each page while it reads, when reading fails and is tried again, when the host refuses, and when there is nothing. */
export async function states({ page, site, wrong }) {
  const routes = [...readFileSync(join(import.meta.dirname, '../src/router.ts'), 'utf8').matchAll(/path: '(\/[a-z-]+)'/g)].map(([, path]) => path)
  assert.deepEqual([...new Set(PAGES.map((p) => p.path))].sort(), routes.sort(), 'a page of the router is not in the table')

  let now = 'slow'
  let everything = true
  let further = 0
  await page.route('**/api/v1/**', async (route) => {
    const request = route.request()
    const { pathname, search } = new URL(request.url())
    if (pathname.endsWith('/me/permissions')) return route.fulfill(everything ? mayAllBut() : MAY_NOTHING)
    const reads = (request.method() === 'GET' && !pathname.endsWith('/me')) || pathname.endsWith('/audit-reads')
    if (!reads) return route.continue()
    if (now === 'slow') return // never answered
    if (search.includes('=further') && pathname.endsWith('/control/alerts')) further++
    return route.fulfill(now === 'failed' ? refused(500, BROKEN) : now === 'forbidden' ? refused(403, '您没有此项权限') : now === 'nothing yet' ? NOTHING_YET : NOTHING)
  })
  const url = (path) => `${site.url.replace(/\/$/, '')}${path}`
  // What the desk and the tree of authorities read is shown elsewhere too: only what stands in the page counts.
  const shown = (words) => page.locator('main.main').getByText(words, { exact: true }).filter({ visible: true })
  const counted = async (words, parts, where) => {
    const found = shown(words)
    if (parts) await found.nth(parts - 1).waitFor()
    await found.nth(parts).waitFor({ state: 'hidden' })
    assert.equal(await found.count(), parts, `${where}: ${words}`)
  }

  for (const { path, tab, ask, parts, within = 0, nothing } of PAGES) {
    for (const state of ['slow', 'forbidden', 'failed']) {
      now = state
      const where = `${state} ${path} ${tab ?? ask ?? ''}`
      await page.goto(url(path))
      if (tab) await page.getByRole('tab', { name: tab }).click()
      if (ask) await page.locator('main').getByText(ask, { exact: true }).click()
      await page.locator('main.main > *').first().waitFor()
      await counted({ slow: '正在读取…', forbidden: '您的岗位没有此项权限', failed: BROKEN }[state], parts, where)
      await accessible(page, where, wrong)
    }
    now = 'nothing'
    for (let left = parts + within; left > 0; left--) {
      await shown('重试').first().click()
      await counted(BROKEN, left - 1, `again ${path}`)
    }
    for (const words of nothing) await page.locator('main.main').getByText(words).filter({ visible: true }).first().waitFor()
    await accessible(page, `nothing ${path}`, wrong)
  }

  for (const path of PAGED) {
    now = 'nothing yet'
    await page.goto(url(path))
    await counted('这一段没有，可以继续查找', 1, path)
    await accessible(page, `nothing yet ${path}`, wrong)
    now = 'nothing'
    await shown('更多').click()
    await counted('这一段没有，可以继续查找', 0, path)
  }
  assert.equal(further, 4 + 1, 'what comes empty is read on, so far, and then when it is asked for')

  // What failed after it was there is shown still, and of when it is.
  await page.goto(url('/wall'))
  await shown('没有符合条件的会话').waitFor()
  now = 'failed'
  await shown(/^未能更新，显示的是 \d\d:\d\d 的情况/).nth(1).waitFor({ timeout: 40_000 })
  await shown('没有符合条件的会话').waitFor()
  await accessible(page, 'stale /wall', wrong)
  now = 'nothing'
  for (let left = await shown('重试').count(); left > 0; left--) {
    await shown('重试').first().click()
    await counted('重试', left - 1, 'stale /wall')
  }
  await shown(/^未能更新/).first().waitFor({ state: 'hidden' })

  // Whoever may do nothing is told so by every page, whatever its address says.
  everything = false
  for (const path of routes.filter((path) => path !== '/account')) {
    await page.goto(url(path))
    await counted('您的岗位没有此项权限', 1, path)
  }
  assert.equal(await page.locator('.menu .item').count(), 0)
  await accessible(page, 'no permission', wrong)

  // Nor does a console begin that cannot learn who works at it.
  await page.route('**/api/v1/me', (route) => (now === 'failed' ? route.fulfill(refused(500, BROKEN)) : now === 'slow' ? undefined : route.fallback()))
  now = 'slow'
  await page.goto(site.url)
  await page.getByText('正在读取…').waitFor()
  now = 'failed'
  await page.goto(site.url)
  await page.getByText(BROKEN).waitFor()
  await accessible(page, 'who is it', wrong)
  now = 'nothing'
  everything = true
  await page.getByRole('button', { name: '重试' }).click()
  await page.locator('.menu .item').first().waitFor()
  await page.unrouteAll({ behavior: 'ignoreErrors' })
}
