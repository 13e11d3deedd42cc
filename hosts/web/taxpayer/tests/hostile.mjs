// What is written into any field, and what the host tells of what others wrote, is shown as text.
import assert from 'node:assert/strict'
import { person } from './host.mjs'
import { look } from './look.mjs'
import { play } from './stage.mjs'

const STRINGS = [
  '<img src=x onerror=alert(1)>',
  '"><svg onload=alert(2)>',
  "'-alert(3)-'",
  '{{constructor.constructor("alert(4)")()}}',
  'javascript:alert(5)//</textarea><script>alert(5)</script>',
  '<rich-text nodes="<a href=javascript:alert(6)>">\u202e\u0000&lt;b&gt;',
]
const ALL = STRINGS.join(' ')
/** Fields of answers that somebody wrote, or that stand for it. */
const WRITTEN = ['name', 'title', 'text', 'excerpt', 'topic', 'line_name', 'closing_message', 'comment', 'answer', 'enterprise_name', 'authority_name', 'person_name', 'role_title', 'number', 'phone', 'staff_no']

const LONG = '国家税务总局长春净月高新技术产业开发区税务局第一税务所（办税服务厅）城乡居民基本养老保险费与医疗保险费征缴事项'
/** Of these the text is long; numbers are as long as they are. */
const NAMES = ['name', 'title', 'excerpt', 'topic', 'line_name', 'closing_message', 'comment', 'enterprise_name', 'authority_name', 'role_title']

/** The answer with more in its texts. */
function spoil(value, fields, more) {
  if (Array.isArray(value)) return value.map((held) => spoil(held, fields, more))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, held]) => [name, typeof held === 'string' && fields.includes(name) ? held + more : spoil(held, fields, more)]))
}

await play(async ({ host, visit, step }) => {
  const [mine] = host.sign_ins.filter((s) => s.role === 'taxpayer')
  const officer = await person(host.address, host.sign_ins.find((s) => s.role === 'officer'))
  const lines = (await officer.get('/lines')).items
  const line = lines.find((l) => l.name === '个人所得税咨询')
  const { page, open, signIn, tap, shown, write, enter, id } = await visit()
  const made = () => page.evaluate(() => document.querySelectorAll('[onerror], [onload], img[src="x"], script:not([src]), iframe, rich-text, [href^="javascript"]').length)
  let conversation
  const pages = () => ['home/home', `line/line?line=${line.id}`, 'line/line?line=0', `conversation/conversation?id=${conversation}`, `rating/rating?id=${conversation}`, `appeal/appeal?id=${conversation}`, 'appeals/appeals', 'conversations/conversations', 'me/me']

  async function spoiled(fields, more) {
    await page.unrouteAll({ behavior: 'wait' })
    await page.route('**/api/v1/**', async (route) => {
      const answer = await route.fetch()
      const text = await answer.text()
      let json = text && spoil(JSON.parse(text), fields, more)
      if (route.request().url().endsWith('/lines')) json = { items: [...json.items, ...Array.from({ length: 30 }, (_, n) => ({ ...json.items[0], id: `${n}`, topics: [{ code: 'a', name: more, parent: null, specialists_only: false }] }))] }
      await route.fulfill({ response: answer, body: JSON.stringify(json) })
    })
  }


  await step('the fields of the sign-in', async () => {
    await open('home/home')
    for (const text of STRINGS) {
      await signIn({ login: text.slice(0, 64), password: text.replace('\u0000', '') })
      await shown('不正确')
    }
    await signIn(mine)
    await shown('您好，请问有什么可以帮您')
  })

  await step('the topic of a conversation', async () => {
    await enter('个人所得税咨询', ALL.slice(0, 100))
    conversation = id()
    assert.ok((await page.locator('h1').innerText()).startsWith(STRINGS[0]), 'the topic is shown as text')
  })

  await step('messages of both sides, quoted ones among them', async () => {
    await officer.post(`/lines/${line.id}/claims`)
    for (const [n, text] of STRINGS.entries()) {
      await write(text)
      const said = text.replace(/[\u0000\u202e]/g, '')
      await page.locator('.message.mine .pre', { hasText: said.slice(0, 20) }).last().waitFor()
      await officer.post(`/conversations/${conversation}/messages`, { text: said, quotes: n * 2 + 1 })
      await page.locator('.quoted', { hasText: said.slice(0, 20) }).last().waitFor()
    }
    assert.equal(await made(), 0)
  })

  await step('rating, complaint, search', async () => {
    await officer.post(`/conversations/${conversation}/close`, { outcome: 'unresolved', note: null })
    await tap('评价本次服务')
    await tap('非常满意')
    await page.getByLabel('还想说点什么').fill(ALL)
    await tap('提交评价')
    await shown('感谢您的评价')
    await shown(STRINGS[0])
    await open(`appeal/appeal?id=${conversation}`)
    await page.getByLabel('被投诉的工作人员工号').fill(STRINGS[1].slice(0, 20))
    await page.getByLabel('事情经过').fill(ALL)
    await tap('提交投诉')
    await page.getByRole('alert').waitFor()
    await page.getByLabel('被投诉的工作人员工号').fill('')
    await tap('提交投诉')
    await shown('投诉已提交')
    await tap('我的投诉')
    await shown(STRINGS[0])
    await open('conversations/conversations')
    for (const text of STRINGS) {
      await page.getByLabel('查找咨询内容').fill(text.slice(0, 50))
      await tap('查找')
      await page.getByRole('status').getByText(/找到/).waitFor()
      await shown(text.replace(/[\u0000\u202e]/g, '').slice(0, 20))
    }
    assert.equal(await made(), 0)
  })

  await step('every text that the host tells, on every page', async () => {
    await spoiled(WRITTEN, ALL)
    for (const name of pages()) {
      await open(name)
      await page.reload()
      await shown(STRINGS[0])
      assert.equal(await made(), 0, name)
    }
    await open('home/home')
    await page.reload()
    await page.getByLabel('查找咨询事项').fill(STRINGS[0])
    await page.getByRole('button', { name: STRINGS[0] }).first().waitFor()
    await page.getByLabel('查找咨询事项').fill(STRINGS[0].repeat(3))
    await shown('没有找到，请换个词再试')
  })

  await step('long names, on every page', async () => {
    await spoiled(NAMES, LONG)
    for (const name of pages().filter((n) => n !== 'appeals/appeals')) {
      await open(name)
      await page.reload()
      await shown(LONG)
      await look(page, `30-long-${name.split('/')[0]}${name.endsWith('=0') ? '-topics' : ''}`)
    }
    await page.unrouteAll()
  })
})
