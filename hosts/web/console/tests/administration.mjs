import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'

import { both, visit } from './pictures.mjs'

const FRESH = 'Zhengna-2026-console'

/** Three administrators: their duties at the first sign-in, a grant by two of them, and its trace. */
export async function administration({ host, site, shot, step, newPage, signIn, conversation, taxpayer }) {
  const { system, security, audit, inspector, foreman } = host.administrators

  step('an administrator changes the password, enrols a factor, and signs in with it')
  const page = await newPage()
  const codes = await begin(page, site, system, shot)
  assert.deepEqual(await page.locator('.menu .item').allInnerTexts(), ['审批', '人员岗位', '工作日历'])
  await page.getByText('退出', { exact: true }).click()
  await page.fill('#login', system.login)
  await page.fill('#password', FRESH)
  await page.click('button[type=submit]')
  await page.locator('#code').waitFor()
  await shot(page, '1440-second-factor')
  await page.fill('#code', codes[0])
  await page.click('button[type=submit]')
  await page.locator('.presence.here').waitFor()

  step('a grant is put forward by one and agreed to by another')
  await visit(page, shot, 'officers')
  const officer = host.signIn('officer', 1).login
  await page.locator('.el-table__row', { hasText: officer }).getByText('岗位').click()
  await page.getByText('提出授权').click()
  const dialog = page.getByRole('dialog', { name: '提出岗位授权' })
  await dialog.locator('.el-select').click()
  await page.waitForTimeout(300)
  await page.locator('.el-select-dropdown__item').first().waitFor()
  const offered = await page.locator('.el-select-dropdown__item').allInnerTexts()
  const post = offered.find((name) => !/管理员/.test(name))
  await page.locator('.el-select-dropdown__item', { hasText: post }).first().click()
  await dialog.getByPlaceholder('原因').fill('轮岗 <b>x</b>')
  await page.waitForTimeout(300)
  await shot(page, '1440-propose-grant')
  await dialog.getByText('确定').click()
  await page.locator('.el-message--success').waitFor()

  const second = await newPage()
  await begin(second, site, security)
  await second.locator('.menu').getByText('审批').click()
  const approval = second.locator('[data-approval]').first()
  await approval.getByText('轮岗 <b>x</b>').waitFor()
  await both(second, shot, 'approvals')
  await approval.getByText('同意', { exact: true }).click()
  await second.locator('.el-message-box').getByText('同意', { exact: true }).click()
  await second.locator('.el-message--success').waitFor()

  step('the trail shows both')
  const third = await newPage()
  await begin(third, site, audit)
  await third.locator('.menu').getByText('审计查询').click()
  await third.getByText('查询', { exact: true }).click()
  await third.locator('.el-table__row').first().waitFor()
  await both(third, shot, 'audit')

  step('a line is changed as a proposal, shown as a difference')
  const supervisor = await newPage()
  await signIn(supervisor, 'supervisor')
  await supervisor.locator('.menu').getByText('队列设置').click()
  await supervisor.getByText('提出修改').first().click()
  const line = supervisor.getByRole('dialog')
  await line.locator('.el-form-item', { hasText: '最多等待人数' }).locator('input').fill('50')
  await line.locator('.el-form-item', { hasText: '最多等待人数' }).locator('input').press('Tab')
  await line.locator('.el-form-item', { hasText: '系统派单' }).locator('.el-switch').click()
  await line.getByPlaceholder('修改原因').fill('分流')
  await supervisor.waitForTimeout(300)
  await both(supervisor, shot, 'line-dialog')
  await line.getByText('确定').click()
  await supervisor.locator('.el-message--success').waitFor()
  await supervisor.locator('.menu').getByText('审批').click()
  await supervisor.getByText('我提出的').click()
  await supervisor.locator('.will', { hasText: '50' }).waitFor()
  await both(supervisor, shot, 'approvals-difference')

  step('another manager of lines agrees, and it is in force')
  const other = await newPage()
  await begin(other, site, foreman)
  await other.locator('.menu').getByText('审批').click()
  await other.locator('[data-approval]').getByText('同意', { exact: true }).click()
  await other.locator('.el-message-box').getByText('同意', { exact: true }).click()
  await other.locator('.el-message--success').waitFor()
  await other.locator('.menu').getByText('队列设置').click()
  await other.getByText('系统派给坐席').waitFor()

  step('the inspector sees alerts')
  const look = await newPage()
  await begin(look, site, inspector)
  await look.locator('.menu').getByText('内控预警').click()
  await look.waitForTimeout(500)
  await both(look, shot, 'alerts')

  step('what the system hands out is offered with a countdown, and taken')
  const neighbour = await host.token('taxpayer', 1)
  const { items: lines } = await host.call('GET', '/lines', undefined, neighbour)
  const pushed = lines.find((l) => l.name === '发票与登记')
  await host.call('POST', `/lines/${pushed.id}/conversations`, { topic: '发票领用' }, neighbour)
  await other.locator('.menu').getByText('工作台').click()
  await other.locator('.offer').waitFor()
  await both(other, shot, 'offer')
  await other.keyboard.press('Alt+a')
  await other.locator('.talk h1').waitFor()

  step('a number is revealed with a reason')
  await other.locator('.right').getByText('查看', { exact: true }).first().click()
  await other.locator('.el-message-box input').fill('核对身份')
  await other.locator('.el-message-box').getByText('确定').click()
  await other.locator('.right dd strong').waitFor()
  await shot(other, '1440-revealed')

  step('a supervisor joins, and it is on the desk')
  const plain = lines.find((l) => l.name === '个人所得税咨询')
  const { conversation: joined } = await host.call('POST', `/lines/${plain.id}/conversations`, { topic: '个税退税' }, taxpayer)
  await host.call('POST', `/lines/${plain.id}/claims`, {}, await host.token('officer'))
  await other.locator('.menu').getByText('督导墙').click()
  const row = other.locator('.el-table__row', { hasText: '个税退税' })
  await row.getByText('加入').click()
  await other.locator('.el-message-box input').fill('现场指导')
  await other.locator('.el-message-box').getByText('确定').click()
  await other.locator('.menu').getByText('工作台').click()
  await other.locator(`[data-conversation="${joined}"]`, { hasText: '督导加入' }).click()
  await other.locator('.composer textarea').fill('我是值班长')
  await other.locator('.composer textarea').press('Enter')
  await other.locator('.message.mine', { hasText: '我是值班长' }).waitFor()

  step('a low rating is followed up')
  const { items: reasons } = await host.call('GET', '/rating-reasons', undefined, taxpayer)
  const rating = { grade: 'very_dissatisfied', reasons: [reasons.find((r) => r.low).code], comment: '<i>慢</i>' }
  await host.call('POST', `/conversations/${conversation}/rating`, rating, taxpayer)
  await supervisor.locator('.menu').getByText('差评处理').click()
  await supervisor.locator('.follow-up', { hasText: '<i>慢</i>' }).waitFor()
  await both(supervisor, shot, 'follow-up')
  await supervisor.locator('.follow-up').getByRole('button', { name: '整改' }).click()
  await supervisor.getByPlaceholder('如何整改').fill('已致电说明')
  await supervisor.getByRole('dialog').getByText('确定').click()
  await supervisor.locator('.el-radio-button', { hasText: '待回访' }).click()
  await supervisor.locator('.follow-up', { hasText: '已致电说明' }).waitFor()

  step('signing in elsewhere ends the session here, and says so')
  await host.call('POST', '/sessions', { login: foreman.login, password: FRESH })
  await other.locator('#login').waitFor({ timeout: 20_000 })
  await other.getByText('登录已过期').waitFor()
  for (const p of [page, second, third, supervisor, other, look]) await p.context().close()
}

async function begin(page, site, { login, password }, shot = async () => {}) {
  await page.goto(site.url)
  await page.fill('#login', login)
  await page.fill('#password', password)
  await page.click('button[type=submit]')
  await page.fill('#current', password)
  await page.fill('#fresh', FRESH)
  await page.fill('#repeat', FRESH)
  await shot(page, '1440-duty-password')
  await page.click('button[type=submit]')
  await page.locator('.presence.here').or(page.getByText('获取密钥')).waitFor()
  // Only whoever administers has a second factor to enrol.
  if (await page.locator('.presence.here').isVisible()) return []
  await page.getByText('获取密钥').click()
  const uri = await page.locator('.uri').innerText()
  await shot(page, '1440-duty-factor')
  await page.fill('#factor-code', totp(uri))
  await page.click('button[type=submit]')
  await page.locator('.codes li').first().waitFor()
  const codes = await page.locator('.codes li').allInnerTexts()
  await shot(page, '1440-recovery-codes')
  await page.getByText('我已记下').click()
  await page.locator('.presence.here').waitFor()
  return codes
}

/** What an authenticator shows (RFC 6238). */
function totp(uri) {
  const asked = new URL(uri.replace('otpauth:', 'https:')).searchParams
  const bits = [...asked.get('secret')].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('')
  const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)))
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 1000 / Number(asked.get('period') ?? 30))))
  const mac = createHmac((asked.get('algorithm') ?? 'SHA1').toLowerCase(), key).update(counter).digest()
  const at = mac[mac.length - 1] & 15
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}
