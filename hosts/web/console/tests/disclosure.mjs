import { begin } from './begin.mjs'
import { both } from './pictures.mjs'

/** Asked for by one, agreed to by another, shown once to the first. */
export async function disclosure({ asking, deciding, site, decider, shot }) {
  await asking.locator('.menu').getByText('批量查询').click()
  await asking.getByText('提出申请').click()
  const dialog = asking.getByRole('dialog', { name: '提出申请' })
  await dialog.locator('.el-select').first().click()
  await asking.locator('.el-select-dropdown__item:visible').first().click()
  await asking.keyboard.press('Escape')
  await dialog.getByText('名称', { exact: true }).click()
  await dialog.getByText('手机号码').click()
  await dialog.getByPlaceholder('用途').fill('核对 <b>x</b>')
  await asking.waitForTimeout(300)
  await both(asking, shot, 'disclosure-dialog')
  await dialog.getByText('确定').click()
  const asked = asking.locator('[data-approval]', { hasText: '核对 <b>x</b>' })
  await asked.getByText('待审批').waitFor()

  await begin(deciding, site, decider)
  await deciding.locator('.menu').getByText('审批').click()
  const approval = deciding.locator('[data-approval]', { hasText: '核对 <b>x</b>' })
  await approval.waitFor()
  await both(deciding, shot, 'approval-disclosure')
  await approval.getByText('同意', { exact: true }).click()
  await deciding.locator('.el-message-box').getByText('同意', { exact: true }).click()
  await approval.waitFor({ state: 'detached' })
  await deciding.context().close()

  await asking.locator('.menu').getByText('审批').click()
  await asking.getByRole('heading', { name: '审批' }).waitFor()
  await asking.locator('.menu').getByText('批量查询').click()
  await both(asking, shot, 'disclosures')
  await asked.getByText('查看结果').click()
  await asking.locator('.el-message-box').getByText('查看结果').last().click()
  const shown = asking.getByRole('dialog', { name: '查看结果' }).last()
  await shown.getByText('请勿外传').waitFor()
  await both(asking, shot, 'disclosed')
  await asking.keyboard.press('Escape')
  await asking.locator('.el-message-box').getByText('确定', { exact: true }).click()
  await asked.getByText('已查看').waitFor()
}
