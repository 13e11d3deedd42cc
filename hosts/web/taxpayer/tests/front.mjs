// The pictures of the README: a phone and a desk in one conversation. `node tests/front.mjs` behind `make web`; look at them before they are kept.
import { mkdirSync } from 'node:fs'
import { person } from './host.mjs'
import { still } from './look.mjs'
import { officerAt } from './officer.mjs'
import { play } from './stage.mjs'

const pictures = new URL('../../../../docs/pictures/', import.meta.url).pathname
mkdirSync(pictures, { recursive: true })

await play(async ({ host, visit, step }) => {
  const [mine, others] = host.sign_ins.filter((s) => s.role === 'taxpayer')
  const [seated] = host.sign_ins.filter((s) => s.role === 'officer')
  const phone = await visit()
  const at = await visit()
  const desk = officerAt(host, at)
  const neighbour = await person(host.address, others)
  const lines = (await neighbour.get('/lines')).items
  const line = lines.find((l) => l.name === '个人所得税咨询')

  await step('a conversation', async () => {
    await desk.signIn(seated)
    await phone.open('home/home')
    await phone.signIn(mine)
    await phone.shown('您好，请问有什么可以帮您')
    await phone.enter(line.name, '专项附加扣除怎么填')
    await phone.write('孩子今年九月上小学，子女教育扣除从哪个月开始填？')
    await phone.shown('已发送')
    await desk.claim(line)
    await at.page.locator('.talk').waitFor()
    await desk.say('您好，坐席为您服务。')
    await desk.say('学前教育从年满三周岁当月起算，一直扣到上小学前一月；上小学按学历教育继续填，中间不用断开。')
    await phone.shown('中间不用断开')
    await phone.write('明白了。我和爱人可以一人扣一半吗？')
    await desk.say('可以。双方各扣百分之五十，或由一方全额扣除，一个年度内不变。')
    await phone.shown('一个年度内不变')
    const waits = await neighbour.post(`/lines/${lines.find((l) => l.name === '发票与登记').id}/conversations`, { topic: '电子发票怎么红冲' })
    await neighbour.post(`/conversations/${waits.conversation}/messages`, { text: '开错了一张电子发票，怎么红冲？' })
    await at.page.locator('.message', { hasText: '一人扣一半' }).waitFor()
  })

  await step('the pictures', async () => {
    for (const [name, page] of [['phone', phone.page], ['desk', at.page]]) {
      await still(page)
      await page.screenshot({ path: `${pictures}${name}.png` })
    }
  })
})
