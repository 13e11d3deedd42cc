import assert from 'node:assert/strict'

import { both } from './pictures.mjs'

/** All of them, by what they are; found by name and by code. */
export async function authorities(page, shot) {
  await page.locator('.menu').getByText('税务机关').click()
  await page.locator('[data-authority="12200000000"]', { hasText: '省局' }).waitFor()
  await both(page, shot, 'authorities')
  await page.getByPlaceholder('名称、代码').fill('图们')
  await page.locator('[data-authority]', { hasText: '图们市税务局' }).first().waitFor()
  await page.locator('[data-authority="12201000000"]').waitFor({ state: 'detached' })
  await both(page, shot, 'authorities-found')
  await page.getByPlaceholder('名称、代码').fill('1220102')
  await page.locator('[data-authority="12201020100"]', { hasText: '税务所' }).waitFor()
  assert.equal(await page.locator('[data-authority="12201030000"]').count(), 0)
  await page.getByPlaceholder('名称、代码').fill('没有')
  await page.getByText('没有符合条件的税务机关').waitFor()
}
