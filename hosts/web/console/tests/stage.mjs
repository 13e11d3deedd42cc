// A host, a browser, and what is wrong in it whatever is done: for every test that drives the built console.
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

import { chromium } from 'playwright-core'

import { accessible } from './accessible.mjs'
import { startHost } from './host.mjs'

export async function open(port, folder) {
  const shots = join(import.meta.dirname, '..', folder)
  rmSync(shots, { recursive: true, force: true })
  mkdirSync(shots, { recursive: true })

  const host = await startHost(port)
  const site = { url: host.console }
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] })
  const wrong = []

  async function newPage(width = 1440) {
    const context = await browser.newContext({ viewport: { width, height: 900 }, locale: 'zh-CN', timezoneId: 'Asia/Shanghai' })
    // What was heard, where nobody listens.
    await context.addInitScript(() => {
      window.tones = 0
      const begin = AudioContext.prototype.createOscillator
      AudioContext.prototype.createOscillator = function () {
        window.tones++
        window.lastTone = performance.now()
        return begin.call(this)
      }
    })
    const page = await context.newPage()
    page.setDefaultTimeout(15_000)
    page.on('dialog', (dialog) => {
      wrong.push(`dialog: ${dialog.message()}`)
      void dialog.dismiss()
    })
    page.on('pageerror', (error) => wrong.push(`page error: ${error.stack}`))
    page.on('console', (message) => {
      // A refusal by the host is part of the story; a policy that blocks something is not.
      if (message.type() === 'error' && !/Failed to load resource|WebSocket connection/.test(message.text())) wrong.push(`console: ${message.text()}`)
    })
    return page
  }

  async function signIn(page, role, i = 0) {
    const { login, password } = host.signIn(role, i)
    await page.goto(site.url)
    await page.fill('#login', login)
    await page.fill('#password', password)
    await page.click('button[type=submit]')
    await page.locator('.presence.here').waitFor()
  }

  async function shot(page, name) {
    await page.waitForTimeout(350) // what fades in has
    await page.screenshot({ timeout: 60_000, path: join(shots, `${name}.png`) })
    await accessible(page, name, wrong)
  }

  /** Well, or not: with pictures of every page as it was then. */
  async function end(error) {
    if (error) for (const context of browser.contexts()) for (const [i, p] of context.pages().entries()) await shot(p, `failed-${i}`).catch(() => {})
    if (error) console.error(error, wrong)
    else console.log('well')
    process.exitCode = error ? 1 : 0
    await browser.close()
    host.stop()
  }

  return { host, site, newPage, signIn, shot, step: (words) => console.log(`- ${words}`), wrong, end }
}
