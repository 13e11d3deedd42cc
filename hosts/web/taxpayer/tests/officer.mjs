// An officer at the staff console, as the host serves it beside the taxpayer's pages.
export function officerAt(host, { page, shown }) {
  const box = page.locator('.composer textarea')
  const say = async (text) => {
    await box.fill(text)
    await box.press('Enter')
  }
  /** What a key opens is agreed to by its own button. */
  async function agree(key, title, button) {
    await page.keyboard.press(key)
    await page.getByRole('dialog', { name: title }).getByRole('button', { name: button }).click()
  }
  return {
    shown,
    box,
    say,
    async signIn({ login, password }) {
      await page.setViewportSize({ width: 1440, height: 900 })
      await page.goto(`${host.address}/console/`)
      await page.fill('#login', login)
      await page.fill('#password', password)
      await page.click('button[type=submit]')
      await page.locator('.presence.here').waitFor()
    },
    claim: (line) => page.locator(`[data-line="${line.id}"]`).getByRole('button', { name: '接入下一位' }).click(),
    hold: () => agree('Alt+h', '挂起会话', '确定'),
    resume: () => page.locator('.tools').getByText('恢复', { exact: true }).click(),
    close: () => agree('Alt+e', '结束会话', '结束会话'),
  }
}
