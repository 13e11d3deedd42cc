// A demonstration host of its own, and people who call it over HTTP.
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { applications } from './applications.mjs'

const here = dirname(fileURLToPath(import.meta.url))

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

/** Answers once it is ready: its address, the sign-ins it made, and how to stop it. */
export async function startHost() {
  const program = binary()
  const dir = join(here, postgres ? '.run-postgres' : '.run')
  rmSync(dir, { recursive: true, force: true })
  const web = applications(join(dir, 'web'))
  console.log(`serves ${web}`)
  const host = await run(program, dir, web)
  return { ...host, signIn: (who) => signIn(host.address, who) }
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
