import { reactive } from 'vue'

import type { components } from '@shared'

import { answer, api } from './api/http'
import { me } from './api/me'
import { authorities } from './authorities'
import { desk } from './desk/desk'
import { text } from './text'

/** Nothing but codes of authorities: in a sentence the same digits may be a phone number. */
const CODES = /^\d{11}(?:、\d{11})*$/

let reading: Promise<void> | null = null

async function readAll(): Promise<void> {
  void authorities.read()
  if (me.can('access.officers')) names.officers = (await answer(api.GET('/api/v1/officers', { params: { query: { limit: 200 } } }))).items
  const posts = me.can('access.posts') ? (await answer(api.GET('/api/v1/posts'))).items : []
  for (const o of names.officers) names.known.set(o.id, `${o.name} ${o.staff_no}`)
  for (const p of posts) names.known.set(p.id, p.name)
  for (const l of desk.lines) names.known.set(l.id, l.name)
  if (me.is?.officer) names.known.set(me.is.officer, `${me.is.name} ${me.is.staff_no ?? ''}`)
}

/** Whom and what ids mean, as far as the caller may know. */
export const names = reactive({
  known: new Map<string, string>(),
  officers: [] as components['schemas']['OfficerView'][],

  /** Once, however many ask at the same time. */
  read(): Promise<void> {
    reading ??= readAll().finally(() => (reading = null))
    return reading
  },

  /** The name beside the id, which is what is approved. */
  beside: (said: string): string =>
    CODES.test(said) ? said.split('、').map(authorities.beside).join('、') : said.replace(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (id) => (names.known.has(id) ? `${names.known.get(id)}（${id}）` : id)),

  /** Who did something, by what an answer calls them: `officer/…`. */
  of: (actor: string): string => names.known.get(actor.split('/')[1] ?? '') ?? actor.replace(/^officer\//, `${text.account.number} `),

  forget(): void {
    names.known.clear()
    names.officers = []
  },
})
