import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const told = new Set()

/** Serious findings of axe on what a page shows now; each is told once. */
export async function accessible(page, name, wrong) {
  await page.evaluate(axe) // past the policy, which binds the page and not whoever tests it
  const { violations } = await page.evaluate(() => globalThis.axe.run({ exclude: ['[class*=leave-active]'] }, { resultTypes: ['violations'] }))
  for (const { id, impact, help, nodes } of violations) {
    if (!['serious', 'critical'].includes(impact) || told.has(id)) continue
    told.add(id)
    wrong.push(`axe on ${name}: ${id} (${help}) at ${nodes.slice(0, 4).map((n) => n.target.join(' ')).join(' | ')}`)
  }
}
