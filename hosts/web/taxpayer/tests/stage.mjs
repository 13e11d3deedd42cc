// A host that serves both applications, and browsers before it, with an eye on all that must never happen.
import assert from 'node:assert/strict'
import { chromium } from 'playwright-core'
import { startHost } from './host.mjs'
import { findings } from './look.mjs'
import { network } from './network.mjs'

/** Others are told of typing at most once in some seconds: goes on until they are. */
export async function typeUntil(told, box) {
  let going = true
  const heard = told.finally(() => (going = false))
  while (going) await box.pressSequentially('写', { delay: 100 })
  await heard
}

/** Plays a piece on a stage of its own, and says how it went. */
export async function play(piece) {
  const host = await startHost()
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] })
  const broken = []
  const outside = new Set()
  let dialogs = 0
  let steps = 0
  const pages = []

  const networks = []

  /** A browser of somebody's own; `cuttable`: over a network that can be cut. */
  async function visit({ cuttable = false } = {}) {
    const wire = cuttable ? await network() : null
    if (wire) networks.push(wire)
    const proxy = wire ? { server: wire.url } : undefined
    const context = await browser.newContext({ proxy, viewport: { width: 390, height: 844 }, locale: 'zh-CN', acceptDownloads: true })
    // Whether something would have been heard.
    await context.addInitScript(() => {
      window.tones = 0
      const make = AudioContext.prototype.createOscillator
      AudioContext.prototype.createOscillator = function () {
        window.tones++
        window.toned = performance.now()
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
    page.on('request', (request) => [host.address, 'blob:'].some((known) => request.url().startsWith(known)) || outside.add(request.url()))
    pages.push(page)
    const says = (text) => page.getByText(text, { exact: false }).first()
    const tap = (name) => page.getByRole('button', { name }).first().click()
    const open = (path) => page.goto(`${host.address}/taxpayer/#/pages/${path}`)
    return {
      context,
      page,
      wire,
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
        if (await page.getByText('选择事项').count()) await tap('其他')
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
    await piece({ host, visit, step })
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
    for (const wire of networks) wire.close()
    await host.stop()
  }
}
