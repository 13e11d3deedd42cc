// Drives the built console in the system's Chromium against a demonstration host, and takes pictures of every page.
import assert from 'node:assert/strict'

import { administration } from './administration.mjs'
import { many } from './many.mjs'
import { MORE_WIDTHS, both, pictures } from './pictures.mjs'
import { open } from './stage.mjs'

const HOSTILE = '<img src=x onerror=alert(1)><script>alert(2)</script>{{7*7}}"\'`&lt;b&gt;'
const { host, site, newPage, signIn, shot, step, wrong, end } = await open(Number(process.env.PORT ?? 18091), 'shots')

try {
  const taxpayer = await host.token('taxpayer')
  const officer = await host.token('officer')
  const { items: lines } = await host.call('GET', '/lines', undefined, officer)
  const line = lines.find((l) => l.name === '个人所得税咨询')
  // Before the browser signs in: that ends this session.
  await host.call('POST', '/me/canned-replies', { topic: '问候', text: '您好，很高兴为您服务。' }, officer)
  const say = (id, text) => host.call('POST', `/conversations/${id}/messages`, { text, confirmed: true }, taxpayer)
  const heard = async (id) => (await host.call('GET', `/conversations/${id}/messages?after=0&limit=100`, undefined, taxpayer)).items

  step('a wrong password is told, and a right one leads to the desk')
  const page = await newPage()
  await page.goto(site.url)
  await shot(page, '1440-sign-in')
  await page.fill('#login', host.signIn('officer').login)
  await page.fill('#password', 'wrong')
  await page.click('button[type=submit]')
  await page.locator('.card [role=alert]:not(:empty)').waitFor()
  await signIn(page, 'officer')
  assert.deepEqual(await page.locator('.menu .item').allInnerTexts(), ['工作台', '审批', '工作日历'], 'the menu shows what one may')

  step('what one may not see, and what is not there, is said')
  for (const [path, name, words] of [['wall', 'forbidden', '您的岗位没有此项权限'], ['no-such-page', 'nowhere', '没有这个页面']]) {
    await page.goto(site.url + path)
    await page.getByText(words).waitFor()
    await both(page, shot, name, MORE_WIDTHS)
  }
  await page.getByText('返回首页').click()
  await page.locator('.presence.here').waitFor()

  step('somebody waits, and is taken with the keyboard')
  const { conversation } = await host.call('POST', `/lines/${line.id}/conversations`, { topic: HOSTILE }, taxpayer)
  await say(conversation, HOSTILE)
  await page.locator(`[data-line="${line.id}"] .warn`).waitFor()
  // Last in the host's order, it is first where it is waited in.
  await page.locator('.lines h2', { hasText: '1 人等待' }).waitFor()
  await page.locator(`[data-line="${line.id}"]`).evaluate((row) => {
    const [own, list] = [row, row.parentElement].map((e) => e.getBoundingClientRect())
    if (row.previousElementSibling || own.top < list.top - 1 || own.bottom > list.bottom + 1) throw new Error('who waits is out of sight')
  })
  await page.waitForFunction(() => window.tones > 0)
  await shot(page, '1440-desk-waiting')
  await page.keyboard.press('Alt+j')
  await page.locator('.talk').waitFor()
  assert.ok((await page.locator('.message .bubble').first().innerText()).includes(HOSTILE), 'hostile text shows as text')

  step('messages go both ways, with Enter, once each, with staff numbers')
  const box = page.locator('.composer textarea')
  await box.fill(`您好 ${HOSTILE}`)
  await box.press('Enter')
  await page.locator('.message.mine .under', { hasText: '已发送' }).waitFor()
  const answered = await heard(conversation)
  assert.equal(answered.at(-1).text, `您好 ${HOSTILE}`)
  assert.equal(answered.at(-1).staff_no, host.signIn('officer').login)
  await host.call('PUT', `/conversations/${conversation}/read-mark`, { number: answered.at(-1).number }, taxpayer)
  await page.locator('.message.mine .under', { hasText: '已读' }).waitFor()
  // Elsewhere on the page: a sound for whoever does not look.
  await page.waitForFunction(() => performance.now() - window.lastTone > 1_000) // two reminders in one moment are one sound
  const before = await page.evaluate(() => window.tones)
  await say(conversation, '我想问专项附加扣除')
  await page.waitForFunction((before) => window.tones > before, before)
  await page.locator('.message', { hasText: '专项附加扣除' }).waitFor()

  step('an answer may quote, and be recalled')
  await page.keyboard.press('Alt+q')
  await box.fill('请在首页点击填报')
  await box.press('Enter')
  await page.locator('.message.mine .quoted', { hasText: '专项附加扣除' }).waitFor()
  await page.locator('.message.mine').last().hover()
  await page.locator('.message.mine').last().getByText('撤回', { exact: true }).click()
  await page.locator('.message.mine .gone').waitFor()

  step('a canned reply is chosen with a slash')
  await box.fill('/问候')
  await page.locator('.canned .reply').waitFor()
  await shot(page, '1440-canned')
  await box.press('Enter')
  assert.equal(await box.inputValue(), '您好，很高兴为您服务。')
  await box.press('Enter')
  await page.locator('.message.mine', { hasText: '很高兴为您服务' }).waitFor()

  step('one writes canned replies of one\'s own')
  await page.locator('.left').getByText('常用语', { exact: true }).click()
  const own = page.getByRole('dialog', { name: '常用语' })
  await own.getByPlaceholder('主题').fill('告别')
  await own.getByPlaceholder('内容').fill('<b>再见</b>')
  await own.getByText('添加').click()
  await own.locator('.reply', { hasText: '<b>再见</b>' }).waitFor()
  await shot(page, '1440-canned-replies')
  await own.locator('.reply', { hasText: '<b>再见</b>' }).getByText('删除').click()
  await own.locator('.reply', { hasText: '<b>再见</b>' }).waitFor({ state: 'detached' })
  await page.keyboard.press('Escape')
  await own.waitFor({ state: 'hidden' })

  step('personal data is warned of, and sent if it is meant')
  await box.fill('证件 11010519491231002X')
  await box.press('Enter')
  const warning = page.getByRole('dialog', { name: '消息中可能有个人信息' })
  await warning.waitFor()
  await shot(page, '1440-personal-data')
  await warning.getByText('仍要发送').click()
  await page.locator('.message.mine', { hasText: '11010519491231002X' }).waitFor()

  step('a cut socket loses nothing and doubles nothing')
  await page.context().setOffline(true)
  await page.evaluate(() => dispatchEvent(new Event('offline')))
  await box.fill('断网时写的')
  await box.press('Enter')
  await page.locator('.unsent').waitFor()
  await say(conversation, '断网时对方说的')
  await page.context().setOffline(false)
  await page.locator('.message', { hasText: '断网时对方说的' }).waitFor({ timeout: 40_000 })
  await page.locator('.message.mine', { hasText: '断网时写的' }).waitFor({ timeout: 40_000 })
  assert.equal((await heard(conversation)).filter((m) => m.text === '断网时写的').length, 1)

  step('on hold, and on again')
  await page.keyboard.press('Alt+h')
  await page.getByRole('dialog', { name: '挂起会话' }).getByText('确定').click()
  await page.locator('.conversation', { hasText: '挂起' }).waitFor()
  await shot(page, '1440-held')
  await page.locator('.tools').getByText('恢复', { exact: true }).click()
  await page.locator('.tools').getByText('挂起', { exact: true }).waitFor()

  step('whispers, transfer, merge and asking open')
  for (const [name, title] of [['转接', '转接会话'], ['合并', '合并会话'], ['请教', '请教同事'], ['内部提示', '内部提示'], ['会话记录', '会话记录']]) {
    await page.locator('.tools').getByText(name, { exact: true }).click()
    const dialog = page.getByRole('dialog', { name: title })
    await dialog.waitFor()
    await page.waitForTimeout(400)
    await shot(page, `1440-dialog-${title}`)
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'hidden' })
  }
  await page.locator('.left').click({ position: { x: 5, y: 5 } })
  await page.keyboard.press('?')
  await page.getByRole('dialog', { name: '快捷键' }).waitFor()
  await page.waitForTimeout(400)
  await shot(page, '1440-keys')
  await page.keyboard.press('Escape')

  await pictures({ page, host, shot, step, newPage, signIn, conversation, say, line, taxpayer })

  step('it is closed with an outcome')
  await page.locator(`[data-conversation="${conversation}"]`).click()
  // Of two answers the older one comes last.
  let late
  await page.route(
    `**/api/v1/conversations/${conversation}`,
    async (route) => {
      const info = await (await route.fetch()).json()
      late = page.waitForTimeout(1_500).then(() => route.fulfill({ json: { ...info, state: 'active', outcome: null, ended_at: null } }))
    },
    { times: 1 },
  )
  await page.keyboard.press('Alt+e')
  await page.getByRole('dialog', { name: '结束会话' }).getByText('结束会话').last().click()
  await page.locator('.messages', { hasText: '会话已结束：已解决' }).waitFor()
  await late
  await page.waitForTimeout(300)
  await page.locator('.messages', { hasText: '会话已结束：已解决' }).waitFor()
  const over = await host.call('GET', `/conversations/${conversation}`, undefined, taxpayer)
  assert.equal(over.state, 'closed')

  step('signing out leaves nothing behind')
  await page.getByText('退出', { exact: true }).click()
  await page.locator('#login').waitFor()
  assert.equal(await page.evaluate(() => sessionStorage.length), 0)

  await many({ host, site, step, newPage, shot, taxpayers: [taxpayer, await host.token('taxpayer', 1)], lines: lines.filter((l) => ['个人所得税咨询', '发票与登记'].includes(l.name)) })

  await administration({ host, site, shot, step, newPage, signIn, conversation, taxpayer })

  assert.deepEqual(wrong, [], 'no dialogs, no errors, nothing blocked by the policy')
  await end()
} catch (error) {
  await end(error)
}
