// A demonstration host of one's own, which serves the console's built files as it does in earnest.
import { execFileSync, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const candidates = [process.env.ZHENGNA_BIN, join(root, '../../../target/release/zhengna'), join(root, '../../../target/debug/zhengna')]

/** A folder as the host takes it: what was built here last, else what `make web` has put together. */
function webFolder(dir) {
  const built = ['dist', '../dist/console'].map((path) => join(root, path)).find((path) => existsSync(join(path, 'index.html')))
  if (!built) throw new Error('the console is not built: npm run build:console')
  cpSync(built, join(dir, 'web/console'), { recursive: true })
  return join(dir, 'web')
}

/** Beside those of the demonstration: they begin with the duties of whoever was given a password. */
function addAdministrators(binary, dir) {
  const run = (...args) => execFileSync(binary, args, { stdio: ['ignore', 'pipe', 'ignore'] }).toString()
  run('demo', '--dir', dir, '--no-serve', '--json')
  const files = ['--database', `sqlite:${dir}/demo.db`, '--key-file', `${dir}/demo.key`, '--checkpoint-file', `${dir}/demo.checkpoint`]
  const add = (login, name, post, permissions, authority = '12200000000', ...more) => {
    const allows = permissions ? ['--permissions', permissions] : []
    const added = run('user', 'add', login, '--name', name, '--authority', authority, '--post', post, ...allows, '--json', ...more, ...files)
    return { login, password: JSON.parse(added).password }
  }
  return {
    system: add('900001', '系统管理员甲', '系统管理员'),
    security: add('900002', '安全管理员甲', '安全管理员'),
    audit: add('900003', '审计管理员甲', '审计管理员'),
    inspector: add('900004', '督察内审甲', '督察内审', 'review_control'),
    // Above whom a complaint is about.
    superior: add('900006', '投诉处理岗甲', '投诉处理岗', 'handle_appeals', '12201000000'),
    standby: add('900007', '应急值守甲', '应急值守岗', 'take_emergency_post', '12201020000'),
    decider: add('900008', '批量查询审批甲', '批量查询审批岗', 'approve_disclosure', '12201000000'),
    almanac: add('900009', '日历维护甲', '日历维护岗', 'propose_calendar', '12200000000'),
    warden: add('900010', '日历审批甲', '日历审批岗', 'approve_calendar', '12200000000'),
    registrar: add('900011', '名单导入甲', '名单导入岗', 'import_lists', '12200000000'),
    checker: add('900012', '名单审批甲', '名单审批岗', 'import_lists', '12200000000'),
    // With room for forty conversations.
    desk: add('900013', '接待岗甲', '接待岗', 'serve_taxpayers', '12201000000', '--capacity', '50'),
    // Serves and supervises: may join, and agree to what another manager of lines put forward.
    foreman: add('900005', '值班长甲', '值班长', 'serve_taxpayers,supervise_interaction,manage_lines,reveal_personal_data,manage_relations', '12201020000'),
  }
}

export async function startHost(port) {
  const binary = candidates.find((path) => path && existsSync(path))
  if (!binary) throw new Error('no zhengna: build it (cargo build --bin zhengna), or say where it is with ZHENGNA_BIN')
  const dir = mkdtempSync(join(tmpdir(), 'zhengna-console-'))
  const listen = `127.0.0.1:${port}`
  const administrators = addAdministrators(binary, dir)
  const child = spawn(binary, ['demo', '--dir', dir, '--json'], { env: { ...process.env, ZHENGNA_LISTEN: listen, ZHENGNA_WEB_FOLDER: webFolder(dir) }, stdio: ['ignore', 'pipe', 'ignore'] })
  let said = ''
  const started = await new Promise((resolve, reject) => {
    child.on('exit', (code) => reject(new Error(`the host ended with ${code}`)))
    child.stdout.on('data', (data) => {
      said += data
      try {
        resolve(JSON.parse(said))
      } catch {
        // More is to come.
      }
    })
  })
  const url = `http://${listen}`
  const signIns = started.sign_ins
  async function call(method, path, body, token) {
    const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': randomUUID(), ...(token && { Authorization: `Bearer ${token}` }) }
    const response = await fetch(`${url}/api/v1${path}`, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) })
    const text = await response.text()
    const answer = text ? JSON.parse(text) : null
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return answer
  }
  return {
    url,
    console: `${url}/console/`,
    call,
    administrators,
    signIn: (role, i = 0) => signIns.filter((s) => s.role === role)[i],
    async token(role, i = 0) {
      const { login, password } = this.signIn(role, i)
      return (await call('POST', '/sessions', { login, password })).token
    },
    stop() {
      child.removeAllListeners('exit')
      child.kill('SIGTERM')
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
