import { both } from './pictures.mjs'

/** An account: added, given a password, and left behind. */
export async function addOfficer(page, shot) {
  await page.getByRole('button', { name: '添加人员' }).click()
  const dialog = page.getByRole('dialog', { name: '添加人员' })
  await dialog.locator('input:focus').waitFor() // it has opened, and takes the focus no more
  await dialog.getByPlaceholder('工号').fill('220199001')
  await dialog.getByPlaceholder('姓名').fill('尼玛次仁·阿卜杜拉 <b>x</b>')
  await dialog.getByLabel('税务机关').fill('南关区')
  await page.locator('.el-select-dropdown__item:visible', { hasText: '12201020100' }).waitFor()
  await both(page, shot, 'authority-field')
  await page.locator('.el-select-dropdown__item:visible', { hasText: '12201020100' }).click()
  await dialog.getByText('第一税务所（12201020100）').waitFor()
  await page.waitForTimeout(300)
  await both(page, shot, 'officer-add')
  await dialog.getByText('确定').click()
  await dialog.waitFor({ state: 'hidden' })
  // Found by the host, by a part of the name and by how the number begins: whatever the page has read.
  const rows = page.locator('.el-table__row')
  for (const wanted of ['阿卜杜拉', '2201990']) {
    await page.getByPlaceholder('姓名、工号').fill(wanted)
    await rows.nth(1).waitFor({ state: 'detached' })
    await rows.filter({ hasText: '220199001' }).waitFor()
  }
  await both(page, shot, 'officers-found')
  await page.getByPlaceholder('姓名、工号').fill('没有此人')
  await page.getByText('没有人员').waitFor()
  await page.getByPlaceholder('姓名、工号').fill('')
  await rows.nth(1).waitFor()
  await page.locator('.el-table__row', { hasText: '第一税务所（12201020100）' }).filter({ hasText: '220199001' }).getByText('岗位').click()
  const drawer = page.locator('.el-drawer')
  await drawer.getByText('重设密码').click()
  await page.locator('.el-message-box').getByText('重设密码', { exact: true }).last().click()
  await page.getByText('只显示这一次').waitFor()
  await both(page, shot, 'officer-password')
  await page.getByText('我已记下').click()
  await drawer.getByText('离岗', { exact: true }).click()
  await page.locator('.el-message-box').getByText('离岗', { exact: true }).last().click()
  await page.getByText('已离岗').waitFor()
  await page.keyboard.press('Escape')
  await drawer.waitFor({ state: 'hidden' })
}

/** Who agrees to grants ends one, with a reason. */
export async function endGrant(page, shot, officer) {
  await page.locator('.menu').getByText('人员岗位').click()
  await page.locator('.el-table__row', { hasText: officer }).getByText('岗位').click()
  const drawer = page.locator('.el-drawer')
  await drawer.getByText('终止授权').first().click() // the newest
  await page.locator('.el-message-box input').fill('轮岗结束')
  await both(page, shot, 'grant-end')
  await page.locator('.el-message-box').getByText('确定').click()
  await page.getByText('已终止').waitFor()
  await page.keyboard.press('Escape')
  await drawer.waitFor({ state: 'hidden' })
}
