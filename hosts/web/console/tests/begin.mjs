import { createHmac } from 'node:crypto'

export const FRESH = 'Zhengna-2026-console'

/** The duties of a first sign-in: a password of one's own, and a second factor for whoever administers. Answers the recovery codes. */
export async function begin(page, site, { login, password }, shot = async () => {}) {
  await page.goto(site.url)
  await page.fill('#login', login)
  await page.fill('#password', password)
  await page.click('button[type=submit]')
  await page.fill('#current', password)
  await page.fill('#fresh', FRESH)
  await page.fill('#repeat', FRESH)
  await shot(page, '1440-duty-password')
  await page.click('button[type=submit]')
  await page.locator('.presence.here').or(page.getByText('获取密钥')).waitFor()
  // Only whoever administers has a second factor to enrol.
  if (await page.locator('.presence.here').isVisible()) return []
  await page.getByText('获取密钥').click()
  const secret = (await page.locator('.secret').innerText()).replace(/\s/g, '')
  await shot(page, '1440-duty-factor')
  await page.fill('#factor-code', totp(secret))
  await page.click('button[type=submit]')
  await page.locator('.codes li').first().waitFor()
  const codes = await page.locator('.codes li').allInnerTexts()
  await shot(page, '1440-recovery-codes')
  await page.getByText('我已记下').click()
  await page.locator('.presence.here').waitFor()
  return codes
}

/** What an authenticator shows (RFC 6238). */
function totp(secret) {
  const bits = [...secret].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('')
  const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)))
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 1000 / 30)))
  const mac = createHmac('sha1', key).update(counter).digest()
  const at = mac[mac.length - 1] & 15
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}
