import { FRESH } from './begin.mjs'
import { both } from './pictures.mjs'

/** Somebody decides in one's place for a time, until it is ended. */
export async function standIn(page, shot, taker, staffNo) {
  await page.locator('.bar .who').click()
  await page.getByRole('button', { name: '设置代理人' }).click()
  const dialog = page.getByRole('dialog', { name: '设置代理人' })
  await dialog.getByPlaceholder('人员编号').fill(taker)
  await dialog.getByPlaceholder('开始日期').click()
  const days = page.locator('.el-date-range-picker td.available')
  await days.nth(0).click()
  await days.nth(2).click()
  await page.waitForTimeout(300)
  await both(page, shot, 'delegation-dialog')
  await dialog.getByText('确定').click()
  // By name, to whoever may look nobody up.
  await page.locator('[data-delegation]', { hasText: staffNo }).waitFor()
  await both(page, shot, 'delegation')
  await page.locator('[data-delegation]').getByText('取消代理').click()
  await page.locator('[data-delegation]').waitFor({ state: 'detached' })
}

/** A new password: the session goes on with it. */
export async function account(page, shot) {
  await page.locator('.bar .who').click()
  await page.fill('#current', FRESH)
  await page.fill('#fresh', `${FRESH}-2`)
  await page.fill('#repeat', `${FRESH}-2`)
  await both(page, shot, 'account')
  await page.locator('.panel', { hasText: '修改密码' }).getByText('确定').click()
  await page.getByText('密码已修改').waitFor()
  await page.locator('.presence.here').waitFor()
}
