import { begin } from './begin.mjs'
import { both } from './pictures.mjs'

/** A new post for emergencies. */
export async function posts(page, shot) {
  await page.locator('.menu').getByText('权限规则').click()
  await page.locator('.el-table__row').first().waitFor()
  await both(page, shot, 'access-posts')
  await page.getByText('提出新岗位').click()
  const dialog = page.getByRole('dialog')
  await dialog.getByPlaceholder('名称').fill('<b>应急</b>')
  await dialog.getByText('接待纳税人').click()
  await dialog.getByText('应急岗位：').click()
  await propose(page, dialog, shot, 'access-post')
}

/** Two kept apart no more, a matter that asks for two people, and a threshold. */
export async function rules(page, shot) {
  await page.getByRole('tab', { name: '不相容权限' }).click()
  await page.locator('.el-table__row:visible').first().waitFor()
  await both(page, shot, 'access-separations')
  await page.getByText('提出放开').first().click()
  await propose(page, page.getByRole('dialog'), shot, 'access-separation')

  await page.getByRole('tab', { name: '审批规则' }).click()
  await both(page, shot, 'access-approval-rules')
  await page.locator('.el-table__row', { hasText: '队列设置' }).getByText('提出修改').click()
  const rule = page.getByRole('dialog')
  await rule.locator('.el-select').first().click()
  await page.locator('.el-select-dropdown__item:visible', { hasText: '管理队列' }).click()
  await propose(page, rule, shot, 'access-approval-rule')

  await page.getByRole('tab', { name: '内控规则' }).click()
  await both(page, shot, 'access-control-unread')
  await page.locator('.el-table__row:visible', { hasText: '大量导出' }).getByText('提出修改').click()
  const control = page.getByRole('dialog')
  for (const [label, value] of [['阈值', '500'], ['时间窗', '720']]) await control.locator('.el-form-item', { hasText: label }).locator('input').fill(value)
  await propose(page, control, shot, 'access-control-rule')
}

async function propose(page, dialog, shot, name) {
  const source = dialog.getByPlaceholder('依据文件')
  if (await source.isVisible()) await source.fill('吉税发〔2026〕1号 <i>x</i>')
  await dialog.getByPlaceholder('原因').fill('工作需要')
  await page.waitForTimeout(300)
  await both(page, shot, name)
  await dialog.getByText('确定').click()
  await dialog.waitFor({ state: 'hidden' })
}

/** Somebody else reads what exactly is put forward, beside what is in force where that is said, and agrees. */
export async function agree(page, shot, words, then) {
  await page.locator('.menu').getByText('工作日历').click()
  await page.getByRole('heading', { name: '工作日历' }).waitFor() // or the list stays as it was read
  await page.locator('.menu').getByText('审批').click()
  const approval = page.locator('[data-approval]', { hasText: words }).first()
  await approval.waitFor()
  if (then) await approval.locator('.will', { hasText: then }).first().waitFor()
  await page.waitForTimeout(300)
  await both(page, shot, `approval-${words.replace(/[^\u4e00-\u9fff]/g, '')}`)
  await approval.getByText('同意', { exact: true }).click()
  await page.locator('.el-message-box').getByText('同意', { exact: true }).click()
  await approval.waitFor({ state: 'detached' })
}

/** Whoever looks at alerts reads the thresholds as they are now. */
export async function control(page, shot) {
  await page.locator('.menu').getByText('权限规则').click()
  await page.locator('.el-table__row', { hasText: '大量导出' }).getByText('500').waitFor()
  await both(page, shot, 'access-control')
}

/** Taken with a reason; what it allows is on the menu at once. */
export async function emergency(page, site, standby, shot) {
  await begin(page, site, standby)
  await page.locator('.menu').getByText('应急岗位').click()
  await page.locator('.el-select').first().click()
  await page.locator('.el-select-dropdown__item', { hasText: '<b>应急</b>' }).click()
  await page.getByPlaceholder('紧急情况').fill('值班人员突发疾病')
  await page.waitForTimeout(300)
  await both(page, shot, 'emergency')
  await page.getByRole('button', { name: '取用' }).click()
  await page.getByText('应急岗位已生效').waitFor()
  await page.locator('.menu').getByText('工作台').waitFor()
  await page.context().close()
}
