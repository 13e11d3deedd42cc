/** Pictures of every page at both widths. */
export async function pictures({ page, shot }) {
  await shot(page, '1440-desk')
  await page.setViewportSize({ width: 1024, height: 768 })
  await shot(page, '1024-desk')
  await page.setViewportSize({ width: 1440, height: 900 })
}
