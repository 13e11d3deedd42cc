import type { components } from '@shared/index'
import { zh } from '@/text/zh'

type Told = Partial<components['schemas']['Problem']>

/** In the host's words; a field is called as it is on the page. */
function words({ title, status, field = '' }: Told): string {
  if (!title) return status ? zh.problem.unknown : zh.problem.network
  if (!field || !title.startsWith(`${field}：`)) return title
  return (zh.field[field] ?? zh.fieldOther) + title.slice(field.length)
}

/** An answer that is not a success, or none at all (status 0). `message` is for people, and says what to do. */
export class Problem extends Error {
  readonly status: number
  readonly code: string
  readonly field?: string
  /** Of another object: the conversation that is there already, the account to be linked. */
  readonly related?: string
  readonly requestId?: string
  readonly retryAfterS: number

  constructor(told: Told = {}) {
    super(words(told))
    this.status = told.status ?? 0
    this.code = told.code ?? 'network'
    this.field = told.field
    this.related = told.related
    this.requestId = told.request_id
    this.retryAfterS = told.retry_after_s ?? 0
  }

  /** Whether the same request may succeed in a moment. */
  get passing(): boolean {
    return this.status === 0 || [502, 503, 504].includes(this.status) || (this.status === 429 && this.retryAfterS > 0)
  }
}
