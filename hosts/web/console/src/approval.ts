import type { components } from '@shared'

import { answer, api } from './api/http'
import { me } from './api/me'
import { text } from './text'

type Schemas = components['schemas']
type Content<C> = Partial<Pick<Schemas['Draft'], 'document' | 'title' | 'source'>> & { change: C }

interface Sides {
  now: unknown
  then: unknown
}

/** Both sides by the name of what changes, which stands before each difference. */
const named = (name: string, now: unknown, then: unknown): Sides => ({ now: { [name]: now }, then: { [name]: then } })

/** What is in force of what an approval would change, and what it would be; null where there is no such thing, or one may not read it. */
export async function sidesOf({ matter, content }: Schemas['ApprovalView']): Promise<Sides | null> {
  if (matter === 'line') return lineSides(content as Schemas['ProposeLine'])
  const { change } = (content ?? {}) as Partial<Content<Schemas['Change'] | Schemas['AccessChange']>>
  if (!change) return null
  if ('post' in change) return postSides(change.post)
  if ('separation' in change) return separationSides(change.separation)
  if ('control_rule' in change) return controlSides(change.control_rule)
  if ('working_days' in change) return daySides(change.working_days)
  if ('filing_periods' in change) return filingSides(change.filing_periods)
  if ('legal_number' in change) return numberSides(change.legal_number)
  return null
}

async function lineSides({ line, settings }: Schemas['ProposeLine']): Promise<Sides | null> {
  if (!line || !me.can('interaction.line')) return null
  const now = (await answer(api.GET('/api/v1/lines/{line}', { params: { path: { line } } }))).settings
  return named(now.name, now, settings)
}

async function postSides({ post, name, permissions, emergency }: Schemas['SetPost']): Promise<Sides | null> {
  if (!post || !me.can('access.posts')) return null
  const now = (await answer(api.GET('/api/v1/posts'))).items.find((p) => p.id === post)
  if (!now) return null
  return named(now.name, { name: now.name, permissions: now.permissions, emergency: now.emergency }, { name, permissions, emergency: emergency ?? false })
}

async function separationSides({ first, second, apart }: Schemas['SetSeparation']): Promise<Sides | null> {
  if (!me.can('access.separations')) return null
  const pair = [first, second].sort().join()
  const now = (await answer(api.GET('/api/v1/separations'))).items.some((s) => [s.first, s.second].sort().join() === pair)
  return named([first, second].map((p) => text.permissions[p]).join('、'), { apart: now }, { apart })
}

async function controlSides({ rule, threshold, window_minutes, enabled }: Schemas['SetControlRule']): Promise<Sides | null> {
  if (!me.can('control.rules')) return null
  const now = (await answer(api.GET('/api/v1/control/rules'))).items.find((r) => r.id === rule)
  if (!now) return null
  return named(text.alerts.rule[rule], { threshold: now.threshold, window_minutes: now.window_minutes, enabled: now.enabled }, { threshold, window_minutes, enabled })
}

async function daySides({ year, days }: Extract<Schemas['Change'], { working_days: unknown }>['working_days']): Promise<Sides> {
  const now = new Map((await answer(api.GET('/api/v1/calendar/{year}', { params: { path: { year: String(year) } } }))).days.map((d) => [d.date, d.worked ? 'work' : 'off']))
  return { now: Object.fromEntries(days.map((d) => [d.date, now.get(d.date)])), then: Object.fromEntries(days.map((d) => [d.date, d.arrangement])) }
}

async function filingSides({ year, last_days }: Extract<Schemas['Change'], { filing_periods: unknown }>['filing_periods']): Promise<Sides> {
  const { months } = await answer(api.GET('/api/v1/calendar/{year}/filing-periods', { params: { path: { year: String(year) } } }))
  const byMonth = (days: string[]) => Object.fromEntries(days.map((day) => [day.slice(0, 7), day]))
  return { now: byMonth(months.map((m) => m.last_day)), then: byMonth(last_days) }
}

async function numberSides({ number, from, value }: Extract<Schemas['Change'], { legal_number: unknown }>['legal_number']): Promise<Sides> {
  const { numbers } = await answer(api.GET('/api/v1/legal-numbers'))
  const now = numbers.find((n) => n.number === number)
  return named(now?.title ?? number, { [from]: now?.values.filter((v) => v.from <= from).at(-1)?.value }, { [from]: value })
}
