// A demonstration host of its own, and people who call it over HTTP.
import { execFileSync, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

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

/** Answers once it is ready: its address, the sign-ins it made, and how to stop it. */
export async function startHost() {
  const program = binary()
  const dir = join(here, '.run')
  rmSync(dir, { recursive: true, force: true })
  const listen = `127.0.0.1:${await freePort()}`
  execFileSync(program, ['demo', '--dir', dir, '--no-serve'], { stdio: ['ignore', 'ignore', 'inherit'] })
  // Zones and desks, which the demonstration has none of.
  const files = ['--database', `sqlite:${dir}/demo.db`, '--key-file', `${dir}/demo.key`, '--checkpoint-file', `${dir}/demo.checkpoint`]
  execFileSync(program, ['line', 'open', NANGUAN, ...files], { stdio: ['ignore', 'ignore', 'inherit'] })
  // A supervisor who may take part, which the demonstration's may not.
  const added = ['--name', '督导乙（合成数据）', '--authority', '12201000000', '--post', '值班长', '--permissions', 'supervise_interaction,serve_taxpayers']
  const lead = JSON.parse(execFileSync(program, ['user', 'add', '220100902', '--json', ...added, ...files], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }))
  // Everybody here comes from one address, and more quickly than people do.
  const limits = ['--limits-requests-per-second-per-person', '500', '--limits-request-burst-per-person', '1000']
  const child = spawn(program, ['demo', '--dir', dir, '--json', '--listen', listen, '--log-filter', 'error', ...limits], { stdio: ['ignore', 'pipe', 'inherit'] })
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
    child.on('exit', (code) => reject(new Error(`the host ended: ${code}`)))
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
  return { ...told, lead: { login: '220100902', password: lead.password }, signIn: (who) => signIn(told.address, who), stop: () => child.kill('SIGTERM') }
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
