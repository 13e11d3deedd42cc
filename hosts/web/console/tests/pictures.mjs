/** What a supervisor does on the wall, and pictures of every page at both widths. */
export async function pictures({ page, shot, step, newPage, signIn, conversation, say, host, line }) {
  await page.waitForTimeout(400)
  await both(page, shot, 'desk', MORE_WIDTHS)
  await page.setViewportSize({ width: 390, height: 844 })
  await page.locator('.back').click()
  await shot(page, '390-desk-list')
  await page.getByRole('button', { name: '更多', exact: true }).click()
  await page.getByRole('menuitem', { name: '退出' }).waitFor()
  await shot(page, '390-desk-tools')
  await page.keyboard.press('Escape')
  await page.setViewportSize({ width: 1440, height: 900 })
  await page.locator(`[data-conversation="${conversation}"]`).click()
  for (const path of ['approvals', 'calendar']) await visit(page, shot, path)
  await page.locator('.number').last().scrollIntoViewIfNeeded()
  await both(page, shot, 'calendar-numbers')
  await page.locator('.menu').getByText('工作台').click()

  step('forty conversations, long names and all, fit the list')
  await forty(page, shot)

  step('the wall shows lines, promises and conversations; a supervisor whispers and reviews')
  const wall = await newPage()
  await signIn(wall, 'supervisor')
  await wall.locator('.menu').getByText('督导墙').click()
  await wall.locator('.el-table__row', { hasText: line.name }).first().waitFor()
  await wall.locator('canvas').waitFor()
  await wall.locator('.el-table__row', { hasText: '坐席甲' }).filter({ hasText: '在岗' }).filter({ hasText: '1 / 3' }).waitFor()

  step('whoever waits too long is shown to the supervisor with the officer, until they are answered')
  await say(conversation, '还在吗')
  const long = wall.getByRole('region', { name: '需要关注' })
  // As long as the line lets an officer be silent: a minute.
  const row = long.locator('.el-table__row', { hasText: '坐席甲' }).filter({ hasText: line.name })
  await row.getByText('等待答复').or(row.getByText('久未答复')).waitFor({ timeout: 120_000 })
  const cut = await wall.evaluate(() => [...document.querySelectorAll('.top .el-table')[0].querySelectorAll('.el-table__row td:first-child .cell')].filter((cell) => cell.scrollWidth > cell.clientWidth).map((cell) => cell.textContent))
  if (cut.length) throw new Error(`names of lines are cut: ${cut}`)
  await both(wall, shot, 'wall', MORE_WIDTHS)
  for (const [width, height] of MORE_WIDTHS) {
    await wall.setViewportSize({ width, height })
    await wall.waitForFunction(() => [...document.querySelectorAll('.el-table .el-scrollbar__wrap')].every((table) => table.scrollWidth <= table.clientWidth))
  }
  await wall.setViewportSize({ width: 1440, height: 900 })
  await row.getByText('派单原因').click()
  await wall.locator('.el-drawer').waitFor()
  await wall.waitForTimeout(400)
  await shot(wall, '1440-why')
  await wall.keyboard.press('Escape')
  await row.getByText('提示', { exact: true }).click()
  await wall.getByPlaceholder('最多 500 字').fill('请核对身份后再答复')
  await wall.getByRole('dialog', { name: '提示接待人' }).getByText('确定').click()
  await page.locator('.el-notification', { hasText: '内部提示' }).first().waitFor()
  await row.getByText('检查', { exact: true }).click()
  await wall.getByRole('dialog').getByPlaceholder('原因').fill('抽查服务质量')
  await wall.getByRole('dialog').getByText('检查', { exact: true }).click()
  await wall.locator('.record .beside', { hasText: '请核对身份' }).waitFor()
  await wall.waitForTimeout(400)
  await shot(wall, '1440-review')
  await wall.keyboard.press('Escape')
  await page.locator('.composer textarea').fill('在的，请讲')
  await page.locator('.composer textarea').press('Enter')
  await long.getByText('没有等待过久的纳税人').waitFor()
  step('of two hundred conversations the wall renders a page at a time')
  await twoHundred(wall, shot)
  for (const path of ['follow-ups', 'figures', 'disclosures', 'lines']) await visit(wall, shot, path)
  await wall.context().close()
  await page.locator(`[data-conversation="${conversation}"]`).waitFor()
}

const WIDTHS = [[1024, 768], [390, 844]]
/** A tablet, and a desk's screen whose text is shown twice as large. */
export const MORE_WIDTHS = [[768, 1024], [720, 450], ...WIDTHS]

export async function both(page, shot, name, widths = WIDTHS) {
  await shot(page, `1440-${name}`)
  for (const [width, height] of widths) {
    await page.setViewportSize({ width, height })
    await page.waitForTimeout(200)
    await shot(page, `${width}-${name}`)
    const wider = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)
    if (wider) throw new Error(`${name} is wider than ${width} px`)
  }
  await page.setViewportSize({ width: 1440, height: 900 })
}

export async function visit(page, shot, path) {
  await page.locator(`.menu a[href$="/${path}"]`).click()
  await page.waitForTimeout(600)
  await both(page, shot, path)
}

/** The host's own answer, told two hundred times. */
async function twoHundred(wall, shot) {
  await wall.route('**/api/v1/conversations?*', async (route) => {
    const answer = await route.fetch()
    const body = await answer.json()
    const [one] = body.items
    body.items = Array.from({ length: 200 }, (_, i) => ({ ...one, id: `00000000-0000-7000-8000-${String(i).padStart(12, '0')}`, taxpayer_name: `张*${i}`, unanswered_since: null }))
    await route.fulfill({ json: body })
  })
  await wall.reload()
  const rows = wall.locator('.el-table__row', { hasText: '张*' })
  for (const [page, from] of [['1', 0], ['2', 50], ['4', 150]]) {
    if (from) await wall.locator('.el-pager').getByText(page, { exact: true }).click()
    await rows.filter({ hasText: new RegExp(`张\\*${from}\\s`) }).waitFor()
    if ((await rows.count()) !== 50) throw new Error(`${await rows.count()} rows are rendered`)
  }
  await both(wall, shot, 'wall-two-hundred')
  await wall.getByLabel('姓名、事项、工号').fill('张*77')
  await rows.filter({ hasText: '张*77' }).waitFor()
  if ((await rows.count()) !== 1) throw new Error('a filter looks through all of them')
  await wall.unroute('**/api/v1/conversations?*')
  await wall.reload()
  await wall.locator('.presence.here').waitFor()
}

/** The host's own answer, told forty times with other names: no demonstration has so many signed in. */
async function forty(page, shot) {
  const names = ['张*', '中国石油天然气股份有限公司吉林省延边朝鲜族自治州图们市销售分公司第七加油加气站（普通合伙）', '李*', '尼玛次仁·阿卜杜拉']
  await page.route('**/api/v1/me/conversations?*', async (route) => {
    const answer = await route.fetch()
    const body = await answer.json()
    const one = body.items.find((c) => c.state === 'active')
    for (let i = 1; i < 40; i++) {
      const id = `00000000-0000-7000-8000-${String(i).padStart(12, '0')}`
      const unanswered_since = i % 3 ? null : new Date(Date.now() - i * 20_000).toISOString()
      body.items.push({ ...one, id, taxpayer_name: names[i % 4], topic: '个人所得税专项附加扣除填报时提示信息不一致', unread: i % 5 ? 0 : i * 3, unanswered_since, held_until: i % 7 ? null : new Date(Date.now() + 600_000).toISOString(), reply_due: i === 3 ? '2027-01-04T02:30:00Z' : null, last_number: 0 })
    }
    await route.fulfill({ json: body })
  })
  await page.reload()
  await page.locator('.conversation').nth(39).waitFor()
  await page.locator('.conversation', { hasText: '留言，1月4日 10:30 前答复' }).waitFor()
  const overflows = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth || document.querySelector('.left').scrollWidth > document.querySelector('.left').clientWidth)
  if (overflows) throw new Error('forty conversations break the layout')
  await both(page, shot, 'forty')
  await page.unroute('**/api/v1/me/conversations?*')
  await page.reload()
  await page.locator('.presence.here').waitFor()
}
