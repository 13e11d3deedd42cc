// Two browsers hold a conversation, the taxpayer's pages and the staff console; others come and go around them.
import assert from 'node:assert/strict'
import { person } from './host.mjs'
import { look } from './look.mjs'
import { officerAt } from './officer.mjs'
import { play, typeUntil } from './stage.mjs'

const HOSTILE = '<img src=x onerror=alert(1)>'
const QUIET_MS = 900 // two reminders in one moment are one sound
const GONE_MS = 150_000 // an officer's lease and grace, and some more

await play(async ({ host, visit, step }) => {
  const [mine, others] = host.sign_ins.filter((s) => s.role === 'taxpayer')
  const [seated, fleeting] = host.sign_ins.filter((s) => s.role === 'officer')
  const drops = await person(host.address, fleeting)
  const lines = (await drops.get('/lines')).items
  const lineNamed = (name) => lines.find((l) => l.name === name)
  const here = await visit({ cuttable: true })
  const there = await visit()
  const desk = officerAt(host, await visit())
  let abandoned

  await step('one is served by an officer who then drops off', async () => {
    await there.open('home/home')
    await there.signIn(others)
    await there.shown('您好，请问有什么可以帮您')
    await there.enter('发票与登记', '电子发票怎么红冲')
    abandoned = there.id()
    await there.write('发票开错了')
    await there.shown('已发送')
    await drops.put('/me/presence')
    await drops.post(`/lines/${lineNamed('发票与登记').id}/claims`)
    await drops.post(`/conversations/${abandoned}/messages`, { text: '请稍等，我看一下' })
    await there.shown('请稍等，我看一下')
    await there.open('home/home')
  })

  await step('is let into a zone by the roster, and not into another', async () => {
    await here.open('home/home')
    await here.signIn(mine)
    await here.shown('您好，请问有什么可以帮您')
    await here.tap(/^大企业专区/)
    await here.page.getByLabel('用一句话说明').fill('大企业事项')
    await here.tap('其他')
    await here.page.getByRole('button', { name: /^(取号排队|提交留言)$/ }).click()
    await here.shown('暂时不能进入')
    await here.enter('小微企业专区', '六税两费减免怎么享受')
    // By the hour at which this runs.
    await here.shown(/马上就轮到您了|请把问题写下来|可以先把问题写下来/)
    await here.shown(/您代表“.+（合成数据）”咨询/)
    await look(here.page, '24-zone-admitted')
    await here.tap('离开队列')
    await here.page.getByRole('dialog').getByRole('button', { name: '离开队列' }).click()
    await here.page.getByLabel('咨询结果').getByText('您已离开队列').waitFor()
  })

  await step('moves on in line as others leave it', async () => {
    const line = lineNamed('个人所得税咨询').id
    const neighbour = await person(host.address, others)
    const before = await neighbour.post(`/lines/${line}/conversations`, { topic: '前面的人' })
    await here.enter('个人所得税咨询', '专项附加扣除怎么填')
    await here.shown('前面还有 1 人')
    await neighbour.post(`/conversations/${before.conversation}/leave`)
    await here.shown('前面没有人了')
  })

  await step('is told by sound and popup that an officer is there', async () => {
    await here.open('home/home')
    await here.page.getByText('前面没有人了').first().waitFor()
    await desk.signIn(seated)
    await desk.claim(lineNamed('个人所得税咨询'))
    await here.shown('“专项附加扣除怎么填”工作人员已接入')
    assert.ok((await here.page.evaluate(() => window.tones)) > 0, 'a sound was played')
    await look(here.page, '25-popup')
    await here.tap('打开')
    await here.shown('正在为您服务')
    await here.gone('“专项附加扣除怎么填”')
  })

  await step('talks with the officer in another browser', async () => {
    for (let n = 1; n <= 3; n++) {
      await here.write(`纳税人第${n}句 ${HOSTILE}`)
      await desk.shown(`纳税人第${n}句 ${HOSTILE}`)
      await desk.say(`坐席第${n}句 ${HOSTILE}`)
      await here.shown(`坐席第${n}句 ${HOSTILE}`)
    }
    await here.shown('已读')
    await typeUntil(here.shown('对方正在输入'), desk.box)
    await desk.box.fill('')
  })

  await step('hears of messages on other pages, and finds them counted', async () => {
    await here.page.getByRole('button', { name: '返回' }).click()
    await here.page.waitForFunction((quiet) => performance.now() - window.toned > quiet, QUIET_MS)
    const before = await here.page.evaluate(() => window.tones)
    await desk.say('您还在吗')
    await here.page.getByText('1 条未读').first().waitFor({ state: 'attached' })
    assert.ok((await here.page.evaluate(() => window.tones)) > before, 'a sound was played')
    assert.equal(await here.page.getByText('知道了').count(), 0, 'the line declares no popup for messages')
    assert.match(await here.page.title(), /^（1）/)
    await here.context.setOffline(true)
    for (const text of ['第二遍', '第三遍']) await desk.say(text)
    await here.shown('网络暂时断开')
    await here.context.setOffline(false)
    await here.page.getByText('3 条未读').first().waitFor({ state: 'attached' })
    await here.page.getByRole('button', { name: /专项附加扣除怎么填/ }).click()
    await here.shown('您还在吗')
    await here.page.waitForFunction(() => !document.title.startsWith('（'))
  })

  await step('loses nothing when the socket is cut in the middle of a message', async () => {
    const conversation = here.id()
    for (let n = 1; n <= 12; n++) {
      if (n % 3 === 1) here.wire.cut()
      await desk.say(`断线第${n}条`)
      if (n % 4 === 0) await here.write(`断线时回复${n}`)
      if (n % 3 === 0) await here.shown(`断线第${n}条`)
    }
    assert.equal(here.wire.cuts(), 4)
    await here.page.waitForFunction(() => !document.body.innerText.includes('发送中'))
    const seen = await here.page.locator('.message .pre').allInnerTexts()
    const told = seen.filter((text) => text.startsWith('断线第'))
    assert.deepEqual(told, Array.from({ length: 12 }, (_, i) => `断线第${i + 1}条`), 'each once, in order')
    const { items } = await (await person(host.address, mine)).get(`/conversations/${conversation}/messages?limit=200`)
    for (const n of [4, 8, 12]) assert.equal(items.filter((m) => m.text === `断线时回复${n}`).length, 1)
    assert.equal(seen.length, items.length, 'both sides have the same')
  })

  await step('is told of a hold, and of the end', async () => {
    await desk.hold()
    await here.shown('正在核实您的问题')
    await desk.resume()
    await here.gone('正在核实您的问题')
    await desk.close()
    await here.shown('本次咨询已结束')
    await here.shown('已解决')
  })

  await step('the one whose officer dropped off waits again, and another takes over', async () => {
    await there.says('“电子发票怎么红冲”正在重新为您排队').waitFor({ timeout: GONE_MS })
    await look(there.page, '26-returned')
    await there.tap('打开')
    await there.shown('您的号码')
    await there.write('我还在等')
    await desk.claim(lineNamed('发票与登记'))
    await there.shown(`工作人员 ${seated.login} 正在为您服务`)
    for (const text of ['发票开错了', '请稍等，我看一下', '我还在等']) await there.shown(text)
    await desk.shown('我还在等')
  })
})
