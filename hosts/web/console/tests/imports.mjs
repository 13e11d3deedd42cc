import assert from 'node:assert/strict'

import { begin } from './begin.mjs'
import { both } from './pictures.mjs'

/** Somebody new, and somebody whose phone is none: the columns in another order than the host has them, in a file of Windows. */
const FILE = [
  '证件号码,姓名,手机,主管税务机关代码',
  '110105194912310011,<b>赵一</b>（合成数据）,,12201020000',
  '110105194912310070,钱二（合成数据）,123,12201020000',
  '',
].join('\r\n')

const withSum = (text) => text.replace(/\d{17}[\dX]/g, (number) => number.slice(0, 17) + check(number))
function check(number) {
  const weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
  return '10X98765432'[weights.reduce((sum, weight, i) => sum + weight * Number(number[i]), 0) % 11]
}

/** A list: looked at row by row, put forward by one, agreed to by another, imported with its progress; a file that is none is told. */
export async function imports({ importing, deciding, site, registrar, checker, shot }) {
  await begin(importing, site, registrar)
  await importing.locator('.menu').getByText('名单导入').click()
  await importing.getByRole('heading', { name: '名单导入' }).waitFor()
  await both(importing, shot, 'imports-empty')
  const pick = (name, buffer) => importing.locator('input[type=file]').setInputFiles({ name, mimeType: 'text/csv', buffer })
  const examine = () => importing.getByRole('button', { name: '试导', exact: true }).click()

  await pick('损坏.xlsx', Buffer.from('PK\u0003\u0004 no workbook', 'latin1'))
  await examine()
  await importing.locator('.el-alert--error', { hasText: '文件无法读取' }).waitFor()
  await both(importing, shot, 'imports-unreadable')
  await pick('缺列.csv', Buffer.from('姓名\n赵一\n'))
  await examine()
  await importing.locator('.el-alert--error', { hasText: '缺少列' }).waitFor()

  await pick('年度登记<b>.csv', Buffer.from(withSum(FILE)))
  await importing.locator('.column', { hasText: '类型（自然人或企业）' }).locator('input').fill('自然人')
  await examine()
  await importing.locator('.counts', { hasText: '新增 1' }).waitFor()
  const broken = importing.locator('.el-table__row', { hasText: '手机' })
  assert.match(await broken.innerText(), /3[\s\S]*有误[\s\S]*11 位手机号/)
  await both(importing, shot, 'imports-examined')
  await importing.getByRole('button', { name: '提交审批' }).click()
  await importing.locator('.el-message-box input').fill('年度登记')
  await importing.locator('.el-message-box').getByText('确定', { exact: true }).click()
  await importing.getByText('已提交，等待审批。').waitFor()

  await begin(deciding, site, checker)
  await deciding.locator('.menu').getByText('审批', { exact: true }).click()
  const approval = deciding.locator('[data-approval]', { hasText: '年度登记<b>.csv' })
  await approval.getByText('试导结果 · 新增').waitFor()
  await approval.getByText('提出人 名单导入甲 900011').waitFor()
  await both(deciding, shot, 'approval-import')
  await approval.getByText('同意', { exact: true }).click()
  await deciding.locator('.el-message-box').getByText('同意', { exact: true }).click()
  await approval.waitFor({ state: 'detached' })
  await deciding.context().close()

  await examine()
  await importing.getByRole('button', { name: '导入', exact: true }).waitFor()
  await progress(importing)
  await importing.getByRole('button', { name: '导入', exact: true }).click()
  await importing.getByText('再次导入同一文件不会重复登记').waitFor()
  await importing.getByRole('heading', { name: '导入结果' }).waitFor()
  await both(importing, shot, 'imports-done')
  await importing.context().close()
}

/** While a list is imported the page says how far the host came: at first nothing, then so many of so many rows; nothing else can be begun meanwhile. */
async function progress(page) {
  // The host's own lines are too quick to be seen: the same lines, one when the test says so.
  await page.evaluate(() => {
    const honest = window.fetch
    const lines = new TransformStream()
    const writer = lines.writable.getWriter()
    window.tell = (line) => writer.write(new TextEncoder().encode(`${JSON.stringify(line)}\n`))
    window.break = () => writer.close().then(() => (window.fetch = honest))
    window.fetch = (request, how) => (new URL(request.url).pathname === '/api/v1/imports' ? Promise.resolve(new Response(lines.readable)) : honest(request, how))
  })
  await page.getByRole('button', { name: '导入', exact: true }).click()
  const bar = page.getByRole('progressbar', { name: '处理进度' })
  await page.getByText('正在上传和读取…').waitFor()
  assert.ok(await page.getByRole('button', { name: '试导', exact: true }).isDisabled(), 'one thing at a time')
  for (const [done, percent] of [[250, '25'], [990, '99']]) {
    await page.evaluate((done) => window.tell({ progress: { done, of: 1000 } }), done)
    await page.getByText(`已处理 ${done} / 1000`).waitFor()
    assert.equal(await bar.getAttribute('aria-valuenow'), percent)
  }
  await page.evaluate(() => window.break())
  await page.getByText('连接中断').waitFor()
  await bar.waitFor({ state: 'detached' })
}
