// A host, what it serves, and browsers before it, with an eye on all that must never happen.
import assert from 'node:assert/strict'
import { chromium } from 'playwright-core'
import { startHost } from './host.mjs'
import { findings } from './look.mjs'
import { serve } from './serve.mjs'

/** Plays a piece on a stage of its own, and says how it went. */
export async function play(options, piece) {
  const host = await startHost(options)
  const web = await serve(host.address)
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] })
  const broken = []
  const outside = new Set()
  let dialogs = 0
  let steps = 0
  const pages = []

  /** A browser of somebody's own. */
  async function visit() {
    const context = await browser.newContext({ viewport: { width: 390, height: 844 }, locale: 'zh-CN', acceptDownloads: true })
    // Whether something would have been heard.
    await context.addInitScript(() => {
      window.tones = 0
      const make = AudioContext.prototype.createOscillator
      AudioContext.prototype.createOscillator = function () {
        window.tones++
        return make.call(this)
      }
    })
    const page = await context.newPage()
    page.setDefaultTimeout(10_000)
    page.on('dialog', (dialog) => {
      dialogs++
      void dialog.dismiss()
    })
    page.on('pageerror', (error) => broken.push(error.message))
    page.on('console', (message) => {
      const text = message.text()
      if (message.type() === 'error' && !/Failed to load resource|WebSocket connection/.test(text)) broken.push(text)
    })
    page.on('request', (request) => [web.url, host.address, 'blob:'].some((known) => request.url().startsWith(known)) || outside.add(request.url()))
    pages.push(page)
    const says = (text) => page.getByText(text, { exact: false }).first()
    const tap = (name) => page.getByRole('button', { name }).first().click()
    const open = (path) => page.goto(`${web.url}/taxpayer/#/pages/${path}`)
    return {
      context,
      page,
      says,
      tap,
      open,
      shown: (text) => says(text).waitFor(),
      gone: (text) => says(text).waitFor({ state: 'detached' }),
      id: () => new URL(page.url().replace('#', '')).searchParams.get('id'),
      async signIn({ login, password }) {
        await page.getByLabel('账号').fill(login)
        await page.getByLabel('密码').fill(password)
        await page.getByLabel('密码').press('Enter')
      },
      async write(text) {
        await page.getByLabel('输入消息').fill(text)
        await tap('发送')
      },
      async enter(line, topic) {
        await open('home/home')
        await page.reload()
        await tap(new RegExp(`^${line}`))
        await page.getByLabel('用一句话说明').fill(topic)
        await page.getByRole('button', { name: /^(取号排队|提交留言)$/ }).click()
        await says('您的号码').waitFor()
      },
    }
  }

  async function step(what, work) {
    const before = Date.now()
    try {
      await work()
    } catch (error) {
      for (const [n, page] of pages.entries()) await page.screenshot({ path: new URL(`shots/failed-${n + 1}.png`, import.meta.url).pathname })
      throw new Error(`${what}: ${error.message}`)
    }
    console.log(`ok ${++steps} ${what} (${Date.now() - before} ms)`)
  }

  try {
    await piece({ host, web, visit, step })
    assert.equal(dialogs, 0, 'no dialog was opened by what somebody wrote')
    assert.deepEqual(broken, [], 'nothing broke')
    assert.deepEqual([...outside], [], 'nothing is asked of anybody else')
    assert.deepEqual(findings, [], 'axe finds nothing serious, and no page is too wide')
    console.log('all is well')
  } catch (error) {
    console.error(error)
    if (broken.length) console.error('broken:', broken)
    if (findings.length) console.error('findings:', findings)
    process.exitCode = 1
  } finally {
    await browser.close()
    web.close()
    await host.stop()
  }
}
