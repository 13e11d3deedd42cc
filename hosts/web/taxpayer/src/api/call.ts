import { backoff, uuid7, type paths } from '@shared/index'
import { credential } from './credential'
import { origin } from './origin'
import { Problem } from './problem'

type Method = 'get' | 'post' | 'put' | 'delete'
type PathOf<M extends Method> = { [P in keyof paths]: paths[P] extends Record<M, object> ? P : never }[keyof paths]
type Operation<M extends Method, P extends keyof paths> = P extends keyof paths ? NonNullable<paths[P][M]> : never

type InPath<O> = O extends { parameters: { path: infer X extends object } } ? { path: X } : object
type InQuery<O> = O extends { parameters: { query?: infer X extends object } } ? { query?: X } : object
type InBody<O> = O extends { requestBody: { content: { 'application/json': infer X } } } ? { body: X } : object
type Json<R> = R extends { content: { 'application/json': infer X } } ? X : null
type Answer<O> = O extends { responses: infer R } ? Json<R[Extract<keyof R, 200 | 201 | 204>]> : never

interface Manner {
  /** Sent as `Idempotency-Key`: such a write may be repeated. */
  key?: string
  /** Doing it twice is as good as once. */
  harmless?: boolean
  /** Repeated until there is an answer, however long that takes. */
  patient?: boolean
  /** Without a token. */
  anonymous?: boolean
}

type Asked<O> = Manner & InPath<O> & InQuery<O> & InBody<O>

/** What goes out, whatever the operation. */
interface Outgoing extends Manner {
  path?: Record<string, unknown>
  query?: Record<string, unknown>
  body?: unknown
}

const TIMEOUT_MS = 20_000
const TRIES = 6
const FIRST_WAIT_MS = 500
const MOST_WAIT_MS = 30_000

function address(template: string, { path = {}, query = {} }: Outgoing): string {
  const at = template.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(path[name])))
  const asked = Object.entries(query).filter(([, value]) => value !== undefined && value !== null)
  const text = asked.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join('&')
  return origin + at + (text && `?${text}`)
}

function problemOf(status: number, data: unknown, header: Record<string, string>): Problem {
  // A gateway may answer in its own words; the status has to do.
  const told = typeof data === 'object' && data ? (data as ConstructorParameters<typeof Problem>[0]) : {}
  const after = Number(header['retry-after'] ?? header['Retry-After'])
  return new Problem({ ...told, status, retry_after_s: told?.retry_after_s ?? (after > 0 ? after : undefined) })
}

function once(method: Method, template: string, asked: Outgoing): Promise<unknown> {
  const { token } = credential
  const header: Record<string, string> = { Accept: 'application/json' }
  if (asked.body !== undefined) header['Content-Type'] = 'application/json'
  if (asked.key) header['Idempotency-Key'] = asked.key
  if (token && !asked.anonymous) header.Authorization = `Bearer ${token}`
  return new Promise((resolve, reject) => {
    uni.request({
      url: address(template, asked),
      method: method.toUpperCase() as 'GET',
      header,
      data: asked.body === undefined ? undefined : JSON.stringify(asked.body),
      timeout: TIMEOUT_MS,
      fail: () => reject(new Problem()),
      success: ({ statusCode, data, header: got }) => {
        if (statusCode >= 200 && statusCode < 300) return resolve(statusCode === 204 ? null : data)
        const problem = problemOf(statusCode, data, (got ?? {}) as Record<string, string>)
        if (problem.code === 'access.sign_in_required' && token && token === credential.token) credential.onrefused()
        reject(problem)
      },
    })
  })
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** One call; what may be repeated is, always with the SAME key, until the host has given a definite answer. */
async function repeated(method: Method, template: string, asked: Outgoing): Promise<unknown> {
  const repeatable = method === 'get' || method === 'put' || asked.harmless || asked.key !== undefined
  const { token } = credential
  for (let attempt = 0; ; attempt++) {
    try {
      return await once(method, template, asked)
    } catch (problem) {
      const passing = problem instanceof Problem && problem.passing
      if (!passing || !repeatable || (attempt >= TRIES - 1 && !asked.patient)) throw problem
      await pause(Math.max(problem.retryAfterS * 1000, backoff(attempt, FIRST_WAIT_MS, MOST_WAIT_MS)))
      // Somebody else may have signed in meanwhile: what the one before wanted is not theirs.
      if (token !== credential.token) throw problem
    }
  }
}

function calling<M extends Method>(method: M) {
  return <P extends PathOf<M>>(path: P, asked: Asked<Operation<M, P>>): Promise<Answer<Operation<M, P>>> =>
    repeated(method, path, asked as Outgoing) as Promise<Answer<Operation<M, P>>>
}

export const get = calling('get')
export const post = calling('post')
export const put = calling('put')
export const del = calling('delete')

/** What a person set out to do and has no definite answer to yet, with its key. */
const unanswered = new Map<string, string>()

/** A write that a person asked for. Asking again for the same, after a failure or by a double tap, keeps the key. */
export async function act<P extends PathOf<'post'>>(path: P, asked: Asked<Operation<'post', P>>): Promise<Answer<Operation<'post', P>>> {
  const what = `${path} ${JSON.stringify(asked)}`
  const key = unanswered.get(what) ?? uuid7()
  unanswered.set(what, key)
  try {
    const answer = await post(path, { ...asked, key })
    unanswered.delete(what)
    return answer
  } catch (problem) {
    if (!(problem instanceof Problem && problem.passing)) unanswered.delete(what)
    throw problem
  }
}
