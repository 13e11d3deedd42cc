import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

import ts from 'typescript'

import { answered, mayAllBut, refused } from './everything.mjs'

const paths = [...readFileSync(join(import.meta.dirname, '../src/router.ts'), 'utf8').matchAll(/path: '(\/[a-z-]+)'/g)].map(([, path]) => path)
const MARKUP = '<img src=x onerror="window.hit=1"><script>window.hit=2</script>'
const WORDS = `${MARKUP}{{7*7}}\u202e倒\u202c\u0000'"&lt;b&gt;`.replace('\u0000', '')
/** Nothing in it lets a line break, and there are two thousand of them. */
const LONG = `${MARKUP}\u202e${'长'.repeat(900)}${'W'.repeat(1100)}`.slice(0, 2000)

const src = join(import.meta.dirname, '../src')
const compiled = ts.transpileModule(readFileSync(join(src, 'text.ts'), 'utf8'), { compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 } }).outputText
const { text } = await import(`data:text/javascript;base64,${Buffer.from(compiled).toString('base64')}`)

/** Every field that the pages declare, by what it is called: a new one has to be found by walking through them. */
function declared() {
  const labels = new Set()
  for (const folder of ['pages', 'parts']) {
    for (const file of readdirSync(join(src, folder))) {
      if (['SignInPage.vue', 'PasswordForm.vue', 'FactorForm.vue'].includes(file)) continue // stand before the session: administration.mjs
      for (const [input] of readFileSync(join(src, folder, file), 'utf8').matchAll(/<(?:el-input|textarea)[\s>][^>]*>/g)) {
        const words = /:aria-label="(?:[^"]*\? )?text((?:\.\w+)+)/.exec(input)?.[1]
        if (words) labels.add(words.slice(1).split('.').reduce((at, key) => at[key], text))
      }
    }
  }
  return labels
}

const WALKS = [
  { words: LONG, where: paths, not: [] },
  // As somebody who may not see the staff, and from the last button to the first: what one takes away does not take the other.
  { words: WORDS, where: ['/desk', '/account'], not: ['access.officers'], backwards: true },
]

export async function hostile({ page, site, shot }) {
  const filled = new Set()
  let walked = WALKS[0]
  await page.route('**/api/v1/**', (route) => {
    const request = route.request()
    const { pathname } = new URL(request.url())
    if (pathname.endsWith('/me/permissions')) return route.fulfill(mayAllBut(...walked.not))
    // Who one is, and that one is here, is the host's.
    if (/\/me$|\/socket-tickets$|\/presence/.test(pathname)) return route.continue()
    // A session of made-up words would be none.
    if (/\/me\/(password|second-factor)/.test(pathname)) return route.fulfill(refused(409, walked.words))
    return route.fulfill(answered(request.url(), request.method(), walked.words))
  })

  for (walked of WALKS) {
    for (const path of walked.where) {
      await page.goto(`${site.url.replace(/\/$/, '')}${path}`)
      await page.locator('main.main > *').first().waitFor()
      console.log(`  ${path}`)
      await page.waitForLoadState('networkidle').catch(() => {})
      await harmless(page, path)
      await walk(page, path, walked, filled)
      // A calendar that a field opened.
      await page.evaluate(() => document.activeElement?.blur())
      for (const width of [390, 1440]) {
        await page.setViewportSize({ width, height: 900 })
        await harmless(page, `${path} at ${width}`)
        if (walked.words === LONG) await shot(page, `${width}-hostile${path.replaceAll('/', '-')}`)
      }
    }
  }
  const missed = [...declared()].filter((label) => !filled.has(label))
  assert.deepEqual(missed, [], 'fields that were declared and never filled')
  await page.unrouteAll({ behavior: 'ignoreErrors' })
}

/** Nothing ran, nothing was made of the words but text, and nothing stands over the edge. */
async function harmless(page, where) {
  const look = () => page.evaluate(() => ({
    hit: window.hit,
    made: document.querySelectorAll('img[src="x"], main script, .el-overlay script').length,
    // What may be scrolled by itself (a table, a list) may be wider than the page; the page, and what opens over it, may not.
    over: [...document.querySelectorAll('main.main *, .el-overlay *')]
      .filter((e) => {
        if (!e.checkVisibility() || e.getBoundingClientRect().right <= innerWidth + 1) return false
        for (let up = e.parentElement; up && !up.matches('main.main, .el-overlay'); up = up.parentElement) if (getComputedStyle(up).overflowX !== 'visible') return false
        return true
      })
      .slice(0, 5)
      .map((e) => `${e.tagName}.${e.className} in ${e.parentElement.className}: ${Math.round(e.getBoundingClientRect().right)}`),
  }))
  let found = await look()
  // What follows a change of width does so a moment later.
  for (let looks = 0; found.over.length && looks < 10; looks++) {
    await page.waitForTimeout(100)
    found = await look()
  }
  assert.deepEqual(found, { hit: undefined, made: 0, over: [] }, where)
}

/** Fills every field in sight; one that takes no such text keeps what it takes. */
async function fill(page, within, words, filled) {
  const fields = within.locator('input[type=text]:not([readonly]):not([role=combobox]):not([role=spinbutton]), input[type=url], input:not([type]), textarea').filter({ visible: true })
  for (let i = 0; i < (await fields.count()); i++) {
    // The field itself: what is found in place of it, once something closes, is another one.
    const field = await fields.nth(i).elementHandle({ timeout: 1_000 }).catch(() => null)
    if (!field || !(await field.isEditable().catch(() => false))) continue
    const name = (await field.getAttribute('aria-label')) ?? (await field.getAttribute('placeholder'))
    const took = await field.fill(words, { timeout: 2_000 }).then(() => true, () => false)
    if (took) filled.add(name)
  }
}

/** Presses everything on a page that opens something, fills what opens, and puts it away. */
async function walk(page, path, { words, backwards }, filled) {
  const main = page.locator('main.main')
  await fill(page, main, words, filled)
  const tabs = main.locator('[role=tab]')
  for (let t = 0; t < Math.max(1, await tabs.count()); t++) {
    if (await tabs.count()) await tabs.nth(t).click()
    const buttons = main.locator('button, .conversation').filter({ visible: true })
    for (let i = 0; i < (await buttons.count()); i++) {
      const button = buttons.nth(backwards ? (await buttons.count()) - 1 - i : i)
      if (!(await button.isEnabled().catch(() => false))) continue
      await button.click({ timeout: 2_000 }).catch(() => {})
      await fill(page, main, words, filled)
      await opened(page, `${path}, button ${i}`, words, filled, 0)
    }
  }
}

async function opened(page, where, words, filled, depth) {
  const top = page.locator('.el-overlay').filter({ visible: true }).last()
  if (!(await top.isVisible())) return
  await page.waitForTimeout(250)
  const choices = top.locator('.el-radio-button, .el-radio')
  for (let i = 0; i < Math.max(1, await choices.count()); i++) {
    if (await choices.count()) await choices.nth(i).click({ timeout: 1_000 }).catch(() => {})
    if (depth < 2) {
      const more = top.locator('.el-dialog__body button, .el-drawer__body button').filter({ visible: true })
      for (let b = 0; b < Math.min(12, await more.count()); b++) {
        const before = await page.locator('.el-overlay').filter({ visible: true }).count()
        if (/确定|取消|删除/.test(await more.nth(b).innerText().catch(() => '取消'))) continue
        await more.nth(b).click({ timeout: 1_000 }).catch(() => {})
        if ((await page.locator('.el-overlay').filter({ visible: true }).count()) > before) await opened(page, `${where} › ${b}`, words, filled, depth + 1)
      }
    }
    await fill(page, top, words, filled)
    await harmless(page, where)
  }
  await page.keyboard.press('Escape')
  await page.waitForTimeout(250)
  if (await top.isVisible()) await top.locator('.el-dialog__headerbtn, .el-drawer__close-btn, .el-message-box__headerbtn').last().click({ timeout: 1_000 }).catch(() => {})
}
