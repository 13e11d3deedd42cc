// What a page looks like, at both widths and in both sizes of letters, and what axe says of it.
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

// Each run has a folder of its own: two may go on at once.
const shots = join(dirname(fileURLToPath(import.meta.url)), process.env.ZHENGNA_TEST_DATABASE ? 'shots-postgres' : 'shots')
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const SIZES = [
  { name: 'phone', width: 390, height: 844 },
  { name: 'wide', width: 1024, height: 768 },
]

export const findings = []

rmSync(shots, { recursive: true, force: true })
mkdirSync(shots, { recursive: true })

const TARGET_PX = 44

/** What is to be hit with a finger and is smaller than that. */
function narrow(least) {
  const parts = [...document.querySelectorAll('button, input, textarea')].map((part) => ({ part, box: part.getBoundingClientRect() }))
  return parts.filter(({ box }) => box.width > 1 && (box.width < least || box.height < least)).map(({ part, box }) => `${part.innerText || part.ariaLabel} ${Math.round(box.width)}x${Math.round(box.height)}`)
}

/** Nothing moves any more but what always does, and what changed is drawn. */
export const still = (page) =>
  page.evaluate(async () => {
    const frame = () => new Promise(requestAnimationFrame)
    await frame()
    const ending = document.getAnimations().filter((moving) => Number.isFinite(moving.effect.getComputedTiming().endTime))
    await Promise.allSettled(ending.map((moving) => moving.finished))
    await frame()
  })

/** By an event, since a sheet may lie over the button. */
const toggle = (page) => page.getByRole('button', { name: '大字版' }).or(page.getByRole('button', { name: '标准版' })).first().dispatchEvent('click')

export async function look(page, name) {
  for (const letters of ['normal', 'large']) {
    if (letters === 'large') await toggle(page)
    for (const { name: size, width, height } of SIZES) {
      await page.setViewportSize({ width, height })
      await still(page)
      await page.screenshot({ path: join(shots, `${name}-${size}-${letters}.png`) })
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
      if (overflow > 0) findings.push(`${name} ${size} ${letters}: ${overflow} px wider than the screen`)
    }
    const small = await page.evaluate(narrow, TARGET_PX)
    if (small.length) findings.push(`${name} ${letters}: hard to hit: ${small.join(' | ')}`)
    await page.evaluate(axe)
    const { violations } = await page.evaluate(() => window.axe.run({ resultTypes: ['violations'] }))
    for (const v of violations.filter((v) => ['serious', 'critical'].includes(v.impact))) {
      findings.push(`${name} ${letters}: ${v.id}: ${v.nodes.slice(0, 3).map((n) => `${n.target} ${n.failureSummary.split('\n')[1]?.trim()}`).join(' | ')}`)
    }
  }
  await toggle(page)
  await page.setViewportSize({ width: 390, height: 844 })
}
