// What a browser fetches before the desk can be used: the entry, what it imports, and the desk's page. Fails over 350 KB gzip.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

const LIMIT = 350 * 1024
const dist = join(import.meta.dirname, '../dist')
const seen = new Map()

function take(file) {
  if (seen.has(file)) return
  const content = readFileSync(join(dist, file))
  seen.set(file, gzipSync(content).length)
  if (!file.endsWith('.js')) return
  const dir = file.slice(0, file.lastIndexOf('/') + 1)
  for (const [, name] of content.toString().matchAll(/(?:from|import)\s*["'`]\.\/([\w.-]+\.js)["'`]/g)) take(dir + name)
}

seen.set('index.html', gzipSync(readFileSync(join(dist, 'index.html'))).length)
const html = readFileSync(join(dist, 'index.html'), 'utf8')
if (/<script(?![^>]*\bsrc=)|\son\w+=|<style/.test(html)) throw new Error('index.html has inline code or style: the policy forbids it')
for (const [, file] of html.matchAll(/(?:src|href)="\/console\/([^"]+\.(?:js|css))"/g)) take(file)
const entry = [...seen.keys()].find((file) => file.endsWith('.js'))
// The first page is loaded by the router, with the files that its import names.
const source = readFileSync(join(dist, entry), 'utf8')
for (const [, name] of source.matchAll(/["'`](?:\.\/|assets\/)((?:DeskPage|desk)[\w.-]*\.(?:js|css))["'`]/g)) take(`assets/${name}`)
if (![...seen.keys()].some((file) => file.includes('DeskPage'))) throw new Error('the desk was not found in the entry: the measure is wrong')

let total = 0
for (const [file, size] of seen) {
  total += size
  console.log(`${(size / 1024).toFixed(1).padStart(7)} KB  ${file}`)
}
console.log(`${(total / 1024).toFixed(1).padStart(7)} KB  first load, of ${LIMIT / 1024} KB`)
if (total > LIMIT) process.exit(1)
