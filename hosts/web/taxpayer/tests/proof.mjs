// A taxpayer in a real browser against a real host: from the sign-in to the rating, with a lost connection between.
import assert from 'node:assert/strict'
import { person } from './host.mjs'
import { look, still } from './look.mjs'
import { play, typeUntil } from './stage.mjs'

const CARD = /\/taxpayers\/[0-9a-f-]+$/
const HOSTILE = '<img src=x onerror=alert(1)>{{7*7}}"\'</text><script>alert(2)</script>'

await play(async ({ host, visit, step }) => {
  const [mine, others] = host.sign_ins.filter((s) => s.role === 'taxpayer')
  const [desk] = host.sign_ins.filter((s) => s.role === 'officer')
  const [watching, leading] = host.sign_ins.filter((s) => s.role === 'supervisor')
  const officer = await person(host.address, desk)
  const neighbour = await person(host.address, others)
  const supervisor = await person(host.address, watching)
  const lead = await person(host.address, leading)
  const lines = (await neighbour.get('/lines')).items
  const lineNamed = (name) => lines.find((l) => l.name === name)
  const { context, page, says, shown, tap, write, enter, id: pageId } = await visit()
  const inSight = () =>
    page.waitForFunction(() => {
      const { top } = document.querySelector('.sought').getBoundingClientRect()
      return top > 50 && top < 700
    })

  await step('signs in, after a wrong password', async () => {
    await page.goto(`${host.address}/taxpayer/`)
    await shown('登录后取号排队')
    await page.getByLabel('账号').fill(mine.login)
    await page.getByLabel('密码').fill('wrong')
    await tap(/^登录$/)
    await shown('账号或密码不正确')
    await look(page, '1-sign-in')
    await page.getByLabel('密码').fill(mine.password)
    await tap(/^登录$/)
    await shown('您好，请问有什么可以帮您')
  })

  await step('sees zones and desks, and as whom they are known', async () => {
    for (const name of ['个人所得税咨询', '综合咨询', '办不成事反映专窗', '大企业专区', '小微企业专区', '快速问题处理专线']) await shown(name)
    await shown('220***********')
    await shown('已实名（2026年1月5日，电子税务局人脸核验）')
    await look(page, '2-home')
  })

  await step('is told where there is nothing yet, and that something is being read', async () => {
    await page.getByRole('button', { name: '我的咨询' }).click()
    await shown('您还没有咨询过')
    await look(page, '2-conversations-empty')
    await page.getByRole('button', { name: '我的投诉' }).click()
    await shown('您没有提交过投诉')
    await look(page, '2-appeals-empty')
    let answer
    const asked = new Promise((resolve) => (answer = resolve))
    await page.route('**/api/v1/lines', (route) => asked.then(() => route.continue()).catch(() => {}))
    await page.goto(`${host.address}/taxpayer/#/pages/line/line?line=${lineNamed('综合咨询').id}`)
    await shown('正在读取')
    await look(page, '2-loading')
    answer()
    await page.unroute('**/api/v1/lines')
    await page.goto(`${host.address}/taxpayer/#/pages/home/home`)
  })

  await step('chooses a topic where a line has topics', async () => {
    const id = lineNamed('综合咨询').id
    const topics = [
      { code: 'vat', name: '增值税', parent: null, specialists_only: false },
      { code: 'vat.invoice', name: '数电发票', parent: 'vat', specialists_only: false },
      { code: 'pit', name: '个人所得税', parent: null, specialists_only: false },
    ]
    await page.route('**/api/v1/lines', async (route) => {
      const { items } = await (await route.fetch()).json()
      await route.fulfill({ json: { items: items.map((line) => (line.id === id ? { ...line, topics } : line)) } })
    })
    let body
    await page.route('**/conversations', (route) => {
      if (route.request().method() !== 'POST') return route.continue()
      body = route.request().postDataJSON()
      return route.fulfill({ status: 409, json: { code: 'interaction.line_full', status: 409, title: '当前排队人数较多，已暂停取号，请稍后再试或选择其他队列' } })
    })
    await page.goto(`${host.address}/taxpayer/#/pages/line/line?line=${id}`)
    await shown('选择事项')
    await page.getByLabel('用一句话说明').fill('怎么开数电发票')
    await page.getByRole('button', { name: /^(取号排队|提交留言)$/ }).click()
    await shown('请先选择事项')
    assert.equal(await page.getByRole('button', { name: '数电发票' }).count(), 0, 'what is below a topic comes after it')
    await tap('增值税')
    await tap('数电发票')
    await look(page, '3-topics')
    await page.getByRole('button', { name: /^(取号排队|提交留言)$/ }).click()
    await shown('已暂停取号')
    assert.equal(body.topic_code, 'vat.invoice')
    await page.unroute('**/api/v1/lines')
    await page.unroute('**/conversations')
    await page.goto(`${host.address}/taxpayer/#/pages/home/home`)
  })

  await step('is refused by a zone, with the reason and the way in', async () => {
    await tap(/^大企业专区/)
    await page.getByLabel('用一句话说明').fill('大企业事项')
    await tap('其他')
    await page.getByRole('button', { name: /^(取号排队|提交留言)$/ }).click()
    await shown('暂时不能进入')
    await shown('名册')
    await look(page, '3-zone-refused')
    await tap('返回')
  })

  let conversation
  await step('enters a line with a hostile topic, behind somebody else', async () => {
    const before = await neighbour.post(`/lines/${lineNamed('个人所得税咨询').id}/conversations`, { topic: '前面的人' })
    await supervisor.post(`/conversations/${before.conversation}/prioritise`, { reason: '老年人' })
    await officer.put('/me/presence')
    await tap(/^个人所得税咨询/)
    await tap('取号排队')
    await shown('请用一句话说明')
    await look(page, '4-line')
    await page.getByLabel('用一句话说明').fill(HOSTILE.slice(0, 100))
    await tap('取号排队')
    await shown('前面还有 1 人')
    await shown('其中 1 人优先办理')
    await shown('1 位工作人员在线')
    conversation = pageId()
    await page.getByLabel('输入消息').fill('先写下问题')
    await tap('发送')
    await shown('已发送')
    await look(page, '5-waiting')
  })

  await step('is told by push that it is their turn', async () => {
    await officer.post(`/lines/${lineNamed('个人所得税咨询').id}/claims`)
    await shown('前面没有人了')
    const claimed = await officer.post(`/lines/${lineNamed('个人所得税咨询').id}/claims`)
    assert.equal(claimed.conversation, conversation)
    await shown('正在为您服务')
  })

  await step('talks: hostile text is text, typing and receipts show', async () => {
    await officer.post(`/conversations/${conversation}/messages`, { text: `您好 ${HOSTILE}` })
    await shown('您好 <img')
    await officer.post(`/conversations/${conversation}/typing`)
    await shown('对方正在输入')
    await officer.put(`/conversations/${conversation}/read-mark`, { number: 2 })
    await shown('已读')
    await typeUntil(officer.hears('"type":"typing"'), page.getByLabel('输入消息'))
    await write(HOSTILE)
    await page.waitForFunction(() => document.body.innerText.split('onerror=alert(1)').length >= 4)
    const seen = await officer.get(`/conversations/${conversation}`)
    assert.ok(seen.taxpayer_read >= 2, 'the officer sees what was read')
  })

  await step('quotes a message, and recalls one', async () => {
    await page.getByRole('button', { name: /操作消息：您好/ }).click()
    await look(page, '6-actions')
    await page.getByRole('button', { name: '引用', exact: true }).click()
    await shown('引用工作人员的消息')
    await write('就是这个问题')
    await shown('就是这个问题')
    await write('发错了')
    await page.getByRole('button', { name: /操作消息：发错了/ }).click()
    await page.getByRole('button', { name: '撤回', exact: true }).click()
    await shown('已撤回')
    const { items } = await officer.get(`/conversations/${conversation}/messages`)
    assert.equal(items.find((m) => m.text === '就是这个问题').quoted.number, 2)
    assert.ok(items.at(-1).recalled_at)
  })

  await step('is told of a hold, and of a supervisor who takes part', async () => {
    await officer.post(`/conversations/${conversation}/hold`, { minutes: 5 })
    await shown('正在核实您的问题')
    await lead.post(`/conversations/${conversation}/join`, { reason: '协助' })
    await shown('已加入本次咨询')
    await look(page, '7-talking')
    await officer.post(`/conversations/${conversation}/resume`)
    await lead.post(`/conversations/${conversation}/step-out`)
    await says('正在核实您的问题').waitFor({ state: 'detached' })
  })

  await step('loses the connection and comes back without loss or doubles', async () => {
    await context.setOffline(true)
    await shown('网络暂时断开')
    for (let n = 1; n <= 30; n++) await officer.post(`/conversations/${conversation}/messages`, { text: `断网时第${n}条` })
    await write('断网时写的')
    await shown('发送中')
    await look(page, '8-offline')
    await context.setOffline(false)
    await shown('断网时第30条')
    await says('网络暂时断开').waitFor({ state: 'detached' })
    await says('发送中').waitFor({ state: 'detached' })
    for (let n = 1; n <= 30; n++) assert.equal(await page.getByText(`断网时第${n}条`, { exact: true }).count(), 1)
    const { items } = await officer.get(`/conversations/${conversation}/messages?limit=100`)
    assert.equal(items.filter((m) => m.text === '断网时写的').length, 1)
  })

  await step('sends again with the same key when the answer is lost', async () => {
    const keys = []
    await page.route('**/messages', async (route) => {
      if (route.request().method() !== 'POST') return route.continue()
      keys.push(route.request().headers()['idempotency-key'])
      if (keys.length > 2) return route.continue()
      await route.fetch()
      await route.abort('connectionreset')
    })
    const answered = page.waitForResponse((r) => r.request().method() === 'POST' && r.url().endsWith('/messages'))
    await write('答复丢失的一条')
    await answered
    await page.waitForFunction(() => !document.body.innerText.includes('发送中') && document.body.innerText.includes('答复丢失的一条'))
    await page.unroute('**/messages')
    const { items } = await officer.get(`/conversations/${conversation}/messages?limit=100`)
    assert.equal(items.filter((m) => m.text === '答复丢失的一条').length, 1)
    assert.equal(new Set(keys).size, 1)
    assert.equal(await page.getByText('答复丢失的一条', { exact: true }).count(), 1)
  })

  await step('keeps an unsent message over a reload', async () => {
    await page.route('**/messages', (route) => (route.request().method() === 'POST' ? route.abort() : route.continue()))
    await write('重新打开后才发出')
    await shown('发送中')
    await page.unroute('**/messages')
    await page.reload()
    await shown('重新打开后才发出')
    await says('发送中').waitFor({ state: 'detached' })
    const { items } = await officer.get(`/conversations/${conversation}/messages?limit=100`)
    assert.equal(items.filter((m) => m.text === '重新打开后才发出').length, 1)
  })

  await step('is closed, and rates', async () => {
    await officer.post(`/conversations/${conversation}/close`, { outcome: 'resolved', note: null })
    await shown('本次咨询已结束')
    await look(page, '9-ended')
    await tap('评价本次服务')
    await tap('不满意')
    await tap('解答不清楚')
    await page.getByLabel('还想说点什么').fill(HOSTILE)
    await look(page, '10-rating')
    await tap('提交评价')
    await shown('您的意见已转交有关部门')
    await look(page, '11-rated')
  })

  await step('saves the record', async () => {
    await page.goto(`${host.address}/taxpayer/#/pages/conversation/conversation?id=${conversation}`)
    await tap('保存记录')
    const saved = page.waitForEvent('download')
    await tap('文字')
    assert.match((await saved).suggestedFilename(), /\.txt$/)
    await shown('校验码')
    await look(page, '12-export')
    await tap('关闭')
  })

  await step('complains about the officer', async () => {
    await tap('投诉工作人员')
    await page.getByLabel('事情经过').fill(HOSTILE)
    await look(page, '13-appeal')
    await tap('提交投诉')
    await shown('投诉已提交')
    await tap('我的投诉')
    await shown('处理中')
    await look(page, '14-appeals')
  })

  await step('finds what was said', async () => {
    await page.goto(`${host.address}/taxpayer/#/pages/conversations/conversations`)
    await shown('已解决')
    await look(page, '15-conversations')
    await page.getByLabel('查找咨询内容').fill('断网时写的')
    await tap('查找')
    await shown('找到 1 条')
    await look(page, '16-search')
    await page.getByLabel('查找咨询内容').fill('断网时第3条')
    await tap('查找')
    await page.getByRole('button', { name: /断网时第3条/ }).click()
    await page.locator('.sought', { hasText: '断网时第3条' }).waitFor()
    await look(page, '16-found')
    await inSight()
  })

  await step('reads a long conversation, of which little is drawn at a time', async () => {
    const all = Array.from({ length: 500 }, (_, n) => ({ number: n + 1, sender: n % 2 ? 'officer' : 'taxpayer', mine: n % 2 === 0, text: `第${n + 1}句。${'说明'.repeat(n % 40)}`, sent_at: new Date(Date.UTC(2026, 10, 1 + n / 100)).toISOString(), staff_no: n % 2 ? desk.login : null, client_id: null, quoted: null }))
    await page.route('**/messages?*', (route) => {
      const query = new URL(route.request().url()).searchParams
      const after = Number(query.get('after'))
      return route.fulfill({ json: { items: all.slice(after, after + Number(query.get('limit'))) } })
    })
    await page.route(`**/conversations/${conversation}`, async (route) => route.fulfill({ json: { ...(await (await route.fetch()).json()), last_number: all.length } }))
    await page.goto(`${host.address}/taxpayer/#/pages/conversation/conversation?id=${conversation}`)
    await page.reload()
    await shown('第500句')
    const drawn = () => page.locator('.message').count()
    const scroll = (by) => page.getByRole('log').hover().then(() => page.mouse.wheel(0, by))
    assert.ok((await drawn()) <= 120)
    for (let n = 0; n < 300 && !(await page.getByText('第1句。', { exact: true }).isVisible().catch(() => false)); n++) {
      await scroll(-2_000)
      await still(page)
      assert.ok((await drawn()) <= 120)
    }
    await shown('第1句。')
    assert.equal(await page.getByText('第500句').isVisible(), true, 'the newest are kept')
    await page.goto(`${host.address}/taxpayer/#/pages/conversation/conversation?id=${conversation}&at=250`)
    await page.reload()
    await page.locator('.sought', { hasText: '第250句' }).waitFor()
    await inSight()
    await page.unroute('**/messages?*')
    await page.unroute(`**/conversations/${conversation}`)
  })

  await step('asks to be called back, then leaves the line', async () => {
    await enter('发票与登记', '电子发票怎么开')
    await tap('稍后回复我')
    await look(page, '17-callback')
    await page.getByRole('dialog').getByRole('button', { name: '稍后回复我' }).click()
    await shown('工作人员最晚在')
    await look(page, '18-called-back')
    await tap('离开队列')
    await page.getByRole('dialog').getByRole('button', { name: '离开队列' }).click()
    await page.getByLabel('咨询结果').getByText('您已离开队列').waitFor()
  })

  await step('follows a conversation that is merged into another', async () => {
    await enter('个人所得税咨询', '第一个问题')
    const kept = pageId()
    await officer.post(`/lines/${lineNamed('个人所得税咨询').id}/claims`)
    await enter('发票与登记', '同一个问题')
    const other = pageId()
    await officer.post(`/conversations/${kept}/merge`, { other })
    await page.waitForURL((url) => url.href.includes(kept))
    await shown('正在为您服务')
    await page.goto(`${host.address}/taxpayer/#/pages/home/home`)
    await shown('正在进行的咨询')
    await look(page, '19-home-ongoing')
  })

  await step('leaves a message where nobody serves now, from an old link', async () => {
    const entry = await supervisor.get(`/lines/${lineNamed('办不成事反映专窗').id}/entry?channel=portal`)
    await page.goto(`${host.address}/taxpayer/?line=${entry.line}&entry=${encodeURIComponent(entry.entry)}`)
    await shown('您通过专属链接进入')
    await page.getByLabel('用一句话说明').fill('多次未办成')
    await tap('其他')
    await page.getByRole('button', { name: /^(取号排队|提交留言)$/ }).click()
    await shown('您的号码')
    const entered = await supervisor.get(`/conversations?limit=1`)
    assert.equal(entered.items[0].channel, 'portal')
  })

  await step('sees what is known of them, and signs out', async () => {
    await page.goto(`${host.address}/taxpayer/#/pages/me/me`)
    await shown('办税关联')
    await shown('国家税务总局长春市')
    await look(page, '20-me')
    await page.route(CARD, async (route) => route.fulfill({ json: { ...(await (await route.fetch()).json()), real_name: null } }))
    await page.reload()
    await shown('未实名')
    await shown('可在电子税务局办理实名认证')
    await look(page, '20-me-unverified')
    await page.unroute(CARD)
    await tap('退出登录')
    await page.getByRole('dialog').getByRole('button', { name: '退出登录' }).click()
    await shown('您已退出登录')
    await page.goto(`${host.address}/taxpayer/#/pages/me/me`)
    await shown('登录后取号排队')
    await page.goto(`${host.address}/taxpayer/#/pages/home/home`)
    await shown('登录后取号排队')
    assert.equal(await page.evaluate(() => localStorage.getItem('token')), null)
  })

  await step('comes back to the same page when a session has ended', async () => {
    await page.getByLabel('账号').fill(mine.login)
    await page.getByLabel('密码').fill(mine.password)
    await page.getByLabel('密码').press('Enter')
    await page.getByRole('button', { name: '我的咨询' }).click()
    await shown('查找咨询内容')
    const token = await page.evaluate(() => localStorage.getItem('token'))
    await fetch(`${host.address}/api/v1/sessions/current`, { method: 'DELETE', headers: { Authorization: `Bearer ${token}` } })
    await shown('登录已过期，请重新登录')
    await look(page, '20-expired')
    await page.getByLabel('账号').fill(mine.login)
    await page.getByLabel('密码').fill(mine.password)
    await page.getByLabel('密码').press('Enter')
    await shown('查找咨询内容')
    await page.goto(`${host.address}/taxpayer/#/pages/me/me`)
    await tap('退出登录')
    await page.getByRole('dialog').getByRole('button', { name: '退出登录' }).click()
    await shown('您已退出登录')
  })

  await step('comes by a signed link, signs in, and is where the link leads', async () => {
    const entry = await supervisor.get(`/lines/${lineNamed('个人所得税咨询').id}/entry?channel=official_account`)
    await page.goto(`${host.address}/taxpayer/?line=${entry.line}&entry=${encodeURIComponent(entry.entry)}`)
    await page.getByLabel('账号').fill(mine.login)
    await page.getByLabel('密码').fill(mine.password)
    await page.getByLabel('密码').press('Enter')
    await shown('您通过专属链接进入')
    await page.goto(`${host.address}/taxpayer/#/pages/me/me`)
    await tap('退出登录')
    await page.getByRole('dialog').getByRole('button', { name: '退出登录' }).click()
    await shown('您已退出登录')
  })

  await step('links an account that nobody is known to hold, then unlinks it', async () => {
    const answers = [
      { status: 401, json: { code: 'access.not_linked', status: 401, title: '首次使用请先完成实名认证', related: 'the-account' } },
      { status: 201, json: await host.signIn(mine) },
    ]
    const proofs = []
    await page.route('**/providers/*/sessions', (route) => {
      proofs.push(route.request().postDataJSON())
      return route.fulfill(answers[proofs.length - 1])
    })
    await page.goto(`${host.address}/taxpayer/?provider=official_account&code=foreign&state=somebody-else`)
    await shown('登录后取号排队')
    await page.evaluate(() => sessionStorage.setItem('state', 'mine'))
    await page.goto(`${host.address}/taxpayer/?provider=official_account&code=foreign&state=somebody-else`)
    await shown('登录后取号排队')
    assert.deepEqual(proofs, [], 'a proof that was not gone for is not used')
    await page.evaluate(() => sessionStorage.setItem('state', 'mine'))
    await page.goto(`${host.address}/taxpayer/?provider=official_account&code=first&state=mine`)
    await shown('首次使用，请先完成实名认证')
    await look(page, '21-first-use')
    await page.route('**/me/identities', (route) => route.fulfill({ json: { items: [{ provider: 'official_account', title: '微信公众号', linked_at: '2026-11-23T01:00:00Z' }] } }))
    await page.evaluate(() => sessionStorage.setItem('state', 'mine'))
    await page.goto(`${host.address}/taxpayer/?provider=electronic_tax_bureau&proof=second&state=mine`)
    await shown('已关联微信公众号')
    assert.deepEqual(proofs, [{ proof: 'first', link: null }, { proof: 'second', link: 'the-account' }])
    await page.goto(`${host.address}/taxpayer/#/pages/me/me`)
    await tap('解除关联')
    await look(page, '22-unlink')
    await page.route('**/me/identities/*', (route) => route.fulfill({ json: { provider: 'official_account', taxpayer: 'x' } }))
    await page.getByRole('dialog').getByRole('button', { name: '解除关联' }).click()
    await shown('已解除关联，请重新登录')
    await page.unroute('**/me/identities')
  })

  await step('shows nothing of what is somebody else\'s', async () => {
    await page.unroute('**/providers/*/sessions')
    await page.getByLabel('账号').fill(mine.login)
    await page.getByLabel('密码').fill(mine.password)
    await page.getByLabel('密码').press('Enter')
    await shown('您好，请问有什么可以帮您')
    const { items } = await neighbour.get('/me/conversations')
    for (const name of ['conversation/conversation', 'rating/rating', 'appeal/appeal']) {
      await page.goto(`${host.address}/taxpayer/#/pages/${name}?id=${items[0].id}`)
      await shown('没有找到相关内容')
    }
    await look(page, '23-not-mine')
    await page.goto(`${host.address}/taxpayer/#/pages/line/line?line=${items[0].id}`)
    await shown('没有找到这个咨询入口')
    await look(page, '23-no-line')
    await page.route('**/api/v1/me/appeals*', (route) => route.fulfill({ status: 403, json: { code: 'access.denied', status: 403, title: '您没有权限进行此操作' } }))
    await page.goto(`${host.address}/taxpayer/#/pages/appeals/appeals`)
    await shown('您没有权限进行此操作')
    await look(page, '23-denied')
    await page.unroute('**/api/v1/me/appeals*')
    await page.goto(`${host.address}/taxpayer/#/pages/me/me`)
    await tap('退出登录')
    await page.getByRole('dialog').getByRole('button', { name: '退出登录' }).click()
    await shown('您已退出登录')
  })

  await step('shows what went wrong, and tries again', async () => {
    await page.getByLabel('账号').fill(mine.login)
    await page.getByLabel('密码').fill(mine.password)
    await page.route('**/api/v1/lines', (route) => route.fulfill({ status: 500, contentType: 'application/problem+json', body: JSON.stringify({ code: 'internal', status: 500, title: '系统出现问题，请稍后再试', request_id: 'abc' }) }))
    await tap(/^登录$/)
    await shown('暂时打不开')
    await look(page, '23-problem')
    await page.unroute('**/api/v1/lines')
    await tap('再试一次')
    await page.getByRole('button', { name: /^个人所得税咨询/ }).waitFor()
  })
})
