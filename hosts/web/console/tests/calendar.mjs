import { begin } from './begin.mjs'
import { both } from './pictures.mjs'
import { agree } from './rights.mjs'

/** A day off, and a legal number: each put forward by one, shown as a difference to another who agrees. */
export async function calendar({ proposing, deciding, site, administrators: { almanac, warden }, shot }) {
  await begin(proposing, site, almanac)
  await begin(deciding, site, warden)
  await proposing.locator('.menu').getByText('工作日历').click()

  const notice = await open(proposing)
  await notice.getByText('添加一天').click()
  await day(proposing, notice.getByPlaceholder('日期').first(), 10)
  await notice.getByPlaceholder('节日').fill('<b>庆典</b>')
  await put(proposing, notice, shot, 'calendar-notice')
  await agree(deciding, shot, '庆典', '休息')

  for (const [kind, name] of [['征期', 'calendar-filing'], ['办公时间', 'calendar-hours']]) {
    const dialog = await open(proposing)
    await dialog.locator('.el-radio-button').getByText(kind, { exact: true }).click()
    if (kind === '办公时间') await dialog.getByText('添加一天').first().click()
    await proposing.waitForTimeout(300)
    await both(proposing, shot, name)
    await dialog.getByText('取消').click()
  }

  const number = await open(proposing)
  await number.locator('.el-radio-button').getByText('法定数值').click()
  await day(proposing, number.getByPlaceholder('起始日'), 20)
  await number.getByLabel('值', { exact: true }).fill('18')
  await put(proposing, number, shot, 'calendar-number')
  await agree(deciding, shot, '法定数值', '18')
  await proposing.context().close()
  await deciding.context().close()
}

async function open(page) {
  await page.getByText('提出修改').click()
  const dialog = page.getByRole('dialog')
  await dialog.waitFor()
  return dialog
}

async function day(page, field, which) {
  await field.click()
  await page.locator('.el-picker-panel:visible td.available', { hasText: new RegExp(`^\\s*${which}\\s*$`) }).first().click()
}

async function put(page, dialog, shot, name) {
  await dialog.getByPlaceholder('文号').fill('吉税函〔2026〕1号')
  await dialog.getByPlaceholder('文件名称').fill('关于 <i>放假</i> 的通知')
  await dialog.getByPlaceholder('发布网址').fill('https://www.jilin.gov.cn/1')
  await page.waitForTimeout(300)
  await both(page, shot, name)
  await dialog.getByText('确定').click()
  await dialog.waitFor({ state: 'hidden' })
}
