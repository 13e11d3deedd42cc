// The folder of both applications that the host is to serve.
import { existsSync, mkdirSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const web = join(dirname(fileURLToPath(import.meta.url)), '../..')

/** What `make web` left, as it is; else what each application was built to, put together in a folder that is made here. */
export function applications(folder) {
  const made = join(web, 'dist')
  if (existsSync(join(made, 'console'))) return made
  mkdirSync(folder, { recursive: true })
  for (const [name, built] of [['console', 'console/dist'], ['taxpayer', 'taxpayer/dist/build/h5']]) {
    if (!existsSync(join(web, built))) throw new Error(`no hosts/web/${built}: run make web, or build it by itself`)
    symlinkSync(join(web, built), join(folder, name))
  }
  return folder
}
