import type { components } from '@shared'

import { text } from '../text'

type Body = Partial<components['schemas']['Problem']>

const fieldOf = (name: string) => text.fields[name.replace(/\[.*/, '')] ?? text.problem.field

/** As people say it: of `routing.topics[0].code` the code, of the first topic. */
function named(field: string): string {
  const [last = '', list] = field.split('.').reverse()
  const [, of, at] = /^(\w+)\[(\d+)\]$/.exec(list ?? last) ?? []
  const plain = list && at ? `${text.fields[of!] ?? ''}${fieldOf(last)}` : fieldOf(last)
  return at ? text.problem.nth(plain, Number(at) + 1) : plain
}

/** In the host's words, with a field called as it is on the page. */
function words({ title, status, field = '' }: Body): string {
  if (!title) return status ? text.problem.broken : text.problem.network
  if (!field || !title.startsWith(`${field}：`)) return title
  return named(field) + title.slice(field.length)
}

/** An answer that is not a success, or none at all (status 0). `message` is for people. */
export class Problem extends Error {
  readonly status: number
  readonly code: string
  readonly detail: string | undefined
  readonly field: string | undefined
  readonly related: string | undefined
  readonly retryAfterS: number | undefined

  constructor(body: Body = {}) {
    super(words(body))
    this.status = body.status ?? 0
    this.code = body.code ?? 'network'
    this.detail = body.detail
    this.field = body.field
    this.related = body.related
    this.retryAfterS = body.retry_after_s
  }

  static async of(response: Response): Promise<Problem> {
    const body: Body = await response
      .clone()
      .json()
      .catch(() => ({})) // A gateway answered in its own words; the status has to do.
    const after = Number(response.headers.get('Retry-After'))
    return new Problem({ ...body, status: response.status, retry_after_s: body.retry_after_s ?? (after > 0 ? after : undefined) })
  }

  /** Whether the same request may succeed in a moment. */
  get passing(): boolean {
    return this.status === 0 || [502, 503, 504].includes(this.status) || (this.status === 429 && (this.retryAfterS ?? 0) > 0)
  }

  get forbidden(): boolean {
    return this.status === 403
  }
}

/** What to tell about anything that was thrown. */
export const wordsFor = (error: unknown): string => (error instanceof Problem ? error.message : text.problem.broken)
