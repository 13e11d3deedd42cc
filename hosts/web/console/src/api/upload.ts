import { text } from '../text'
import { once } from './http'
import { Problem } from './problem'
import { session } from './session'

/** How far the host came. */
export interface Progress {
  done: number
  of: number
}

/** Lines of a body as they come. */
async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader()
  let rest = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    const lines = (rest + value).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
}

/** Gives the host a file; it answers in lines while it works. Long work has no deadline, and is not repeated by itself. */
export async function give<T>(path: string, query: Record<string, string>, file: Blob, told: (progress: Progress) => void, header: Record<string, string> = {}): Promise<{ data: T }> {
  const headers: Record<string, string> = { ...header, 'Content-Type': 'application/octet-stream' }
  if (session.token) headers.Authorization = `Bearer ${session.token}`
  const { body } = await once(new Request(`${path}?${new URLSearchParams(query)}`, { method: 'POST', headers, body: file, cache: 'no-store' }))
  try {
    for await (const line of body ? linesOf(body) : []) {
      const said = JSON.parse(line) as { progress: Progress } | { done: T } | { problem: ConstructorParameters<typeof Problem>[0] }
      if ('done' in said) return { data: said.done }
      if ('problem' in said) throw new Problem(said.problem)
      told(said.progress)
    }
  } catch (problem) {
    if (problem instanceof Problem) throw problem
  }
  throw new Problem({ title: text.imports.cut })
}
