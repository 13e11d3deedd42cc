import { reactive } from 'vue'

import { authorities } from './authorities'
import { text } from './text'

interface Named {
  id: string
  name: string
  staff_no?: string | null
}

/** Nothing but codes of authorities: in a sentence the same digits may be a phone number. */
const CODES = /^\d{11}(?:、\d{11})*$/

/** Whom and what ids mean, as the host's answers say it. */
export const names = reactive({
  known: new Map<string, string>(),

  learn(some: Named[]): void {
    for (const { id, name, staff_no } of some) names.known.set(id, staff_no ? `${name} ${staff_no}` : name)
  },

  /** The name beside the id, which is what is approved. */
  beside: (said: string): string =>
    CODES.test(said) ? said.split('、').map(authorities.beside).join('、') : said.replace(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (id) => (names.known.has(id) ? `${names.known.get(id)}（${id}）` : id)),

  /** Who did something, by what an answer calls them: `officer/…`. */
  of: (actor: string): string => names.known.get(actor.split('/')[1] ?? '') ?? text.actors[actor.split('/')[0] ?? ''] ?? actor,

  forget(): void {
    names.known.clear()
  },
})
