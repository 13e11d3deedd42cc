// A demonstration host of its own, and people who call it over HTTP.
import { execFileSync, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { applications } from './applications.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const NANGUAN = '12201020000' // 长春市南关区, where the demonstration's officers sit

function binary() {
  const found = [process.env.ZHENGNA, join(here, '../../../../target/release/zhengna'), join(here, '../../../../target/debug/zhengna')].find((path) => path && existsSync(path))
  if (!found) throw new Error('no host: build it, or name one: ZHENGNA=/path/to/zhengna')
  return found
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

/** A database on PostgreSQL in place of the demonstration's own. */
const postgres = process.env.ZHENGNA_TEST_DATABASE
const elsewhere = postgres ? ['--postgres', postgres] : []

/** Runs a host until it is stopped; answers once it is ready. */
async function run(program, dir, web) {
  const listen = `127.0.0.1:${await freePort()}`
  // Everybody here comes from one address, and more quickly than people do.
  const limits = ['--limits-requests-per-second-per-person', '500', '--limits-request-burst-per-person', '1000']
  const child = spawn(program, ['demo', '--dir', dir, ...elsewhere, '--json', '--listen', listen, '--log-filter', 'error', ...limits, '--web-folder', web], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise((resolve) => child.on('exit', resolve))
  const told = await new Promise((resolve, reject) => {
    let text = ''
    child.stdout.on('data', (some) => {
      text += some
      try {
        resolve(JSON.parse(text))
      } catch {
        // More is to come.
      }
    })
    void ended.then((code) => reject(new Error(`the host ended: ${code}`)))
  })
  for (let i = 0; ; i++) {
    try {
      await fetch(`${told.address}/api/v1/lines`)
      break
    } catch (error) {
      if (i > 100) throw error
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
  return { ...told, stop: () => (child.kill('SIGTERM'), ended) }
}

/** Answers once it is ready: its address, the sign-ins it made, and how to stop it. `admitted`: the first taxpayer acts for an enterprise of a zone's roster. */
export async function startHost({ admitted = false } = {}) {
  const program = binary()
  const dir = join(here, postgres ? '.run-postgres' : '.run')
  rmSync(dir, { recursive: true, force: true })
  const quiet = { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }
  const files = ['--database', postgres ?? `sqlite:${dir}/demo.db`, '--key-file', `${dir}/demo.key`, '--checkpoint-file', `${dir}/demo.checkpoint`]
  const zhengna = (...args) => execFileSync(program, [...args, ...files], quiet)
  execFileSync(program, ['demo', '--dir', dir, ...elsewhere, '--no-serve'], quiet)
  // Zones and desks, which the demonstration has none of.
  zhengna('line', 'open', NANGUAN)
  // A supervisor who may take part, which the demonstration's may not.
  const lead = JSON.parse(zhengna('user', 'add', '220100902', '--json', '--name', '督导乙（合成数据）', '--authority', '12201000000', '--post', '值班长', '--permissions', 'supervise_interaction,serve_taxpayers'))
  const web = applications(join(dir, 'web'))
  console.log(`serves ${web}`)
  const begin = () => run(program, dir, web)
  if (admitted) await admit(begin, dir, zhengna)
  const host = await begin()
  return { ...host, lead: { login: '220100902', password: lead.password }, signIn: (who) => signIn(host.address, who) }
}

/** Lets the first taxpayer act for an enterprise that is on the roster of small and micro enterprises. */
async function admit(begin, dir, zhengna) {
  const host = await begin()
  const { taxpayer } = await (await person(host.address, host.sign_ins[0])).get('/me')
  await host.stop()
  const kept = join(dir, 'person.json')
  zhengna('people', 'export', taxpayer, kept, '--reason', '测试')
  const { number } = JSON.parse(readFileSync(kept, 'utf8')).person
  const enterprise = '91220102123456788J'
  const lists = {
    people: `名称,统一社会信用代码,类型,主管税务机关\n长春市南关区向阳便民超市（合成数据）,${enterprise},企业,${NANGUAN}\n`,
    relations: `企业号码,人员号码,人员身份,开始日期,采集渠道\n${enterprise},${number},办税员,2026-01-05,税务登记\n`,
    rosters: `企业号码,名册,开始日期,依据文件\n${enterprise},小微企业,2026-01-05,合成〔2026〕1号\n`,
  }
  for (const [list, text] of Object.entries(lists)) {
    writeFileSync(join(dir, `${list}.csv`), text)
    zhengna('people', 'import', join(dir, `${list}.csv`), '--list', list)
  }
}

async function call(address, method, path, body, token) {
  const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': randomUUID() }
  if (token) headers.Authorization = `Bearer ${token}`
  const response = await fetch(`${address}/api/v1${path}`, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) })
  const text = await response.text()
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
  return text ? JSON.parse(text) : null
}

const signIn = (address, { login, password }) => call(address, 'POST', '/sessions', { login, password })

/** Somebody who calls the API: an officer, mostly. */
export async function person(address, credentials) {
  let { token, duty } = await signIn(address, credentials)
  const anew = { current: credentials.password, password: `Anew-${randomUUID()}` }
  if (duty === 'change_password') ({ token } = await call(address, 'PUT', '/me/password', anew, token))
  return {
    get: (path) => call(address, 'GET', path, undefined, token),
    post: (path, body = {}) => call(address, 'POST', path, body, token),
    put: (path, body) => call(address, 'PUT', path, body, token),
    credentials: duty === 'change_password' ? { ...credentials, password: anew.password } : credentials,
    /** Waits for a live frame that has this in it. */
    async hears(text) {
      const stream = await fetch(`${address}/api/v1/events`, { headers: { Authorization: `Bearer ${token}` }, signal: AbortSignal.timeout(10_000) })
      let heard = ''
      for await (const some of stream.body.pipeThrough(new TextDecoderStream())) {
        heard += some
        if (heard.includes(text)) return
      }
    },
  }
}
