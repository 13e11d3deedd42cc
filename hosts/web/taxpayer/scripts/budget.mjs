// Whether both builds stay within what a phone on a slow line, and WeChat, put up with.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

const KB = 1024
const H5_FIRST_LOAD_MAX = 150 * KB // gzip
const MINI_PROGRAM_MAX = 2048 * KB // WeChat's own limit of a main package

const built = join(dirname(fileURLToPath(import.meta.url)), '../dist/build')
const h5 = join(built, 'h5')

/** What the page asks for by itself, and what is then loaded for the first page: the home page, or the sign-in. */
function firstLoad() {
  const index = readFileSync(join(h5, 'index.html'), 'utf8')
  const wanted = [...index.matchAll(/(?:src|href)="\/taxpayer\/([^"]+)"/g)].map((m) => m[1])
  const first = readdirSync(join(h5, 'assets')).filter((name) => /^pages-(home|sign-in)-/.test(name)).map((name) => `assets/${name}`)
  const seen = new Set(['index.html'])
  for (const next = [...wanted, ...first]; next.length; ) {
    const file = next.pop()
    if (seen.has(file)) continue
    seen.add(file)
    // Static imports of chunks; those of the entry are pages that come when they are opened.
    if (!file.endsWith('.js') || wanted.includes(file)) continue
    const text = readFileSync(join(h5, file), 'utf8')
    next.push(...[...text.matchAll(/(?:from|import)"\.\/([^"]+)"/g)].map((m) => `assets/${m[1]}`))
  }
  // Styles belong to pages by name, which is not said in their chunks: all are counted.
  readdirSync(join(h5, 'assets')).filter((name) => name.endsWith('.css')).forEach((name) => seen.add(`assets/${name}`))
  return [...seen].reduce((sum, file) => sum + gzipSync(readFileSync(join(h5, file))).length, 0)
}

function sizeOf(path) {
  if (!statSync(path).isDirectory()) return statSync(path).size
  return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0)
}

let over = false
function check(what, size, max) {
  const fits = size <= max
  over ||= !fits
  console.log(`${fits ? 'ok  ' : 'OVER'} ${what}: ${(size / KB).toFixed(0)} KB of ${max / KB} KB`)
}

check('H5, first load, gzip', firstLoad(), H5_FIRST_LOAD_MAX)
check('mini-program, main package', sizeOf(join(built, 'mp-weixin')), MINI_PROGRAM_MAX)
process.exit(over ? 1 : 0)
