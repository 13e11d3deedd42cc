import { both } from './pictures.mjs'

/** On the card beside a conversation: not told of an enterprise elsewhere; of a person here, nobody, then somebody, then nobody again. */
export async function gridOfficer(page, shot, staffNo) {
  const now = page.locator('.right .grid-officer')
  await now.getByText('由其他税务机关管理').waitFor()
  // The demonstration's enterprise is beyond this officer's reach: the host's own card, as it is of somebody who acts for none.
  await page.route('**/conversations/*/card', async (route) => {
    const answer = await route.fetch()
    const card = await answer.json()
    await route.fulfill({ json: { ...card, enterprise: { ...card.enterprise, taxpayer: null } } })
  })
  await page.reload()
  await page.locator('[data-conversation]').first().click()
  await now.getByText('没有网格员').waitFor()
  await now.getByText('分配').click()
  const dialog = page.getByRole('dialog', { name: '变更网格员' })
  await dialog.locator('input:focus').waitFor() // it has opened, and takes the focus no more
  await dialog.getByPlaceholder('工号').fill(staffNo)
  await dialog.getByPlaceholder('原因').fill('片区调整 <b>x</b>')
  await dialog.getByText('确定').click()
  await now.getByText(`工号 ${staffNo}`).waitFor()
  await dialog.waitFor({ state: 'hidden' })
  await both(page, shot, 'grid-officer')
  await now.getByText('变更').click()
  await dialog.getByText('不再分配').click()
  await dialog.getByPlaceholder('原因').fill('离开片区')
  await both(page, shot, 'grid-officer-dialog')
  await dialog.getByText('确定').click()
  await now.getByText('没有网格员').waitFor()
  await page.unroute('**/conversations/*/card')
}
