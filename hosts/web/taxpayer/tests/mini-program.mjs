// What can be known of the mini-program without a phone: every file of it runs where there is no browser, every page
// and component comes up, and WeChat's own rules for styles are kept.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import vm from 'node:vm'

const built = join(dirname(fileURLToPath(import.meta.url)), '../dist/build/mp-weixin')
const files = readdirSync(built, { recursive: true }).map((name) => join(built, String(name)))
const { pages } = JSON.parse(readFileSync(join(built, 'app.json'), 'utf8'))

/** What files ask of WeChat while they are loaded. */
const told = { platform: 'android', language: 'zh_CN', SDKVersion: '3.8.0' }
const asked = ['getAppBaseInfo', 'getSystemInfoSync', 'getDeviceInfo', 'getWindowInfo', 'getLaunchOptionsSync']
const wx = { canIUse: () => true, getStorageSync: () => '', onNetworkStatusChange: () => {}, ...Object.fromEntries(asked.map((name) => [name, () => told])) }
const made = { App: 0, Page: 0, Component: 0 }
const maker = (kind) => (options) => {
  assert.ok(options && typeof options === 'object', `${kind} was given no options`)
  made[kind]++
}
// No window, no document, no fetch, no crypto: as on a phone.
const phone = vm.createContext({ wx, console, setTimeout, clearTimeout, setInterval, clearInterval, App: maker('App'), Page: maker('Page'), Component: maker('Component'), Behavior: () => ({}), getApp: () => ({}), getCurrentPages: () => [] })

const loaded = new Map()
function load(file) {
  if (loaded.has(file)) return loaded.get(file).exports
  const module = { exports: {} }
  loaded.set(file, module)
  const run = vm.runInContext(`(function (require, module, exports) {${readFileSync(file, 'utf8')}\n})`, phone, { filename: file })
  run((name) => load(resolve(dirname(file), name)), module, module.exports)
  return module.exports
}

vm.runInContext('globalThis.global = globalThis', phone)
load(join(built, 'app.js'))
files.filter((file) => file.endsWith('.js')).forEach(load)
assert.equal(made.App, 1)
assert.equal(made.Page + made.Component, files.filter((file) => file.endsWith('.wxml')).length, 'every page and component comes up')
for (const page of pages) for (const end of ['.js', '.json', '.wxml']) assert.ok(existsSync(join(built, page + end)), page + end)

for (const file of files.filter((file) => file.endsWith('.wxml'))) {
  const text = readFileSync(file, 'utf8')
  assert.doesNotMatch(text, /<rich-text|<web-view/, `${file}: what others wrote is shown as text`)
}
for (const file of files.filter((file) => file.endsWith('.wxss') && file.includes('/components/'))) {
  const selectors = readFileSync(file, 'utf8').match(/[^{}]+(?=\{)/g) ?? []
  // Tags, ids and attributes are no selectors of a component.
  for (const s of selectors.filter((s) => !s.startsWith('@'))) assert.doesNotMatch(s, /(^|[\s,>+~])[a-z]|#|\[/, `${file}: ${s}`)
}
for (const file of files.filter((file) => file.endsWith('.js'))) assert.doesNotMatch(readFileSync(file, 'utf8'), /preloadAssets/, `${file}: nothing is loaded from elsewhere`)
const addresses = files.filter((file) => /\.(js|wxss)$/.test(file)).flatMap((file) => readFileSync(file, 'utf8').match(/https?:\/\/[\w.-]+/g) ?? [])
console.log(`ok ${pages.length} pages, ${made.Component + made.Page} parts; addresses named in it: ${[...new Set(addresses)].join(' ') || 'none'}`)
