import createClient from 'openapi-fetch'

import { backoff, uuid7, type paths } from '@shared'

import { text } from '../text'
import { Problem } from './problem'
import { session } from './session'

const PATIENCE_MS = 20_000
const TRIES = 6
const LONGEST_WAIT_MS = 60_000

/** Asks once; a refusal is thrown, and one because the session is over ends it. */
export async function once(request: Request, signal?: AbortSignal): Promise<Response> {
  const token = session.token
  const answer = await fetch(request, { signal }).catch(() => {
    throw new Problem()
  })
  if (answer.ok) return answer
  const problem = await Problem.of(answer)
  if (problem.code === 'access.sign_in_required' && token && token === session.token) session.end(text.signIn.over)
  throw problem
}

/** Reads, PUTs, and writes with a key are repeated, always as they were, until the host has given a definite answer. */
async function patient(request: Request): Promise<Response> {
  const repeatable = ['GET', 'PUT'].includes(request.method) || request.headers.has('Idempotency-Key')
  for (let attempt = 0; ; attempt++) {
    try {
      return await once(request.clone(), AbortSignal.timeout(PATIENCE_MS))
    } catch (problem) {
      if (!(problem instanceof Problem) || !problem.passing || !repeatable || attempt >= TRIES - 1) throw problem
      const asked = (problem.retryAfterS ?? 0) * 1000
      if (asked > LONGEST_WAIT_MS) throw problem
      await new Promise((resolve) => setTimeout(resolve, Math.max(asked, backoff(attempt, 500, 30_000))))
    }
  }
}

/** The API, typed from its OpenAPI document. Failures are thrown as `Problem`. */
export const api = createClient<paths>({ baseUrl: location.origin, fetch: patient, cache: 'no-store' })

api.use({
  onRequest({ request }) {
    if (session.token) request.headers.set('Authorization', `Bearer ${session.token}`)
    return request
  },
})

/** What the host answered. */
export async function answer<T>(call: Promise<{ data?: T }>): Promise<NonNullable<T>> {
  return (await call).data as NonNullable<T>
}

type Keyed = { 'Idempotency-Key': string }
const unsettled = new Map<string, string>()

/** Keys are one person's. */
export const forgetActs = (): void => unsettled.clear()

/**
 * A write that a person asked for. Asking again for the same thing, after a failure or by a double click, keeps the
 * key: it is done once.
 */
export async function act<T>(what: unknown[], call: (header: Keyed) => Promise<{ data?: T }>): Promise<NonNullable<T>> {
  const name = JSON.stringify(what)
  const key = unsettled.get(name) ?? uuid7()
  unsettled.set(name, key)
  try {
    const done = await answer(call({ 'Idempotency-Key': key }))
    unsettled.delete(name)
    return done
  } catch (problem) {
    if (!(problem instanceof Problem) || !problem.passing) unsettled.delete(name)
    throw problem
  }
}
