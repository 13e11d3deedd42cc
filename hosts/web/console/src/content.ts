import { momentOf } from './format'
import { text } from './text'

/** One part of something that was put forward. */
export interface Part {
  path: string
  value: string
}

const words: Record<string, string> = {
  ...text.permissions,
  ...text.approvals.execution,
  ...text.approvals.matter,
  ...text.lines.kinds,
  ...text.lines.onWords,
  ...text.lines.whom,
  ...text.lines.sounds,
  ...text.alerts.rule,
  any: text.values.any,
  always: text.values.always,
  work: text.values.work,
  off: text.values.off,
}

const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d/
const nameOf = (key: string): string => text.fields[key] ?? key

function valueOf(value: unknown, free: boolean): string {
  if (value === null || value === undefined || value === '') return text.values.nothing
  if (typeof value === 'boolean') return value ? text.values.yes : text.values.no
  const said = String(value)
  if (MOMENT.test(said)) return momentOf(said)
  return free ? said : (words[said] ?? said)
}

/** Written by people: a word that happens to be a code stays what it is. */
const FREE = new Set(['name', 'reason', 'title', 'closing_message', 'document', 'source', 'code'])

/** Everything in it, each part by its way through the whole: nothing that is approved goes unseen. */
export function partsOf(content: unknown, way: string[] = [], key = ''): Part[] {
  const path = way.join(' · ')
  if (Array.isArray(content)) {
    if (!content.length) return [{ path, value: text.values.nothing }]
    if (content.every((item) => typeof item !== 'object' || item === null)) return [{ path, value: content.map((item) => valueOf(item, FREE.has(key))).join('、') }]
    return content.flatMap((item, i) => partsOf(item, [...way, text.values.nth(i + 1)], key))
  }
  if (typeof content === 'object' && content !== null) return Object.entries(content).flatMap(([name, item]) => partsOf(item, [...way, nameOf(name)], name))
  return [{ path, value: valueOf(content, FREE.has(key)) }]
}

export interface Difference {
  path: string
  now: string
  then: string
}

/** What is otherwise afterwards. */
export function differenceOf(before: unknown, after: unknown): Difference[] {
  const [now, then] = [partsOf(before), partsOf(after)].map((parts) => new Map(parts.map((p) => [p.path, p.value]))) as [Map<string, string>, Map<string, string>]
  const nothing = text.values.nothing
  return [...new Set([...now.keys(), ...then.keys()])]
    .map((path) => ({ path, now: now.get(path) ?? nothing, then: then.get(path) ?? nothing }))
    .filter((d) => d.now !== d.then)
}
