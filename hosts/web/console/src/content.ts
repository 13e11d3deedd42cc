import { clockOf, dayOf, momentOf } from './format'
import { text } from './text'

/** One part of something that was put forward. */
export interface Part {
  path: string
  value: string
}

/** What codes are called. */
const words: Record<string, string> = {
  ...text.permissions,
  ...text.approvals.execution,
  ...text.approvals.matter,
  ...text.lines.kinds,
  ...text.lines.onWords,
  ...text.lines.whom,
  ...text.lines.sounds,
  ...text.alerts.rule,
  ...text.disclosures.field,
  ...text.calendar.numbers,
  ...text.imports.rowKinds,
  any: text.values.any,
  always: text.values.always,
  work: text.values.work,
  off: text.values.off,
  forever: text.officers.forever,
}

export const wordOf = (code: string): string => words[code] ?? code

/** Written by people: a word that happens to be a code stays what it is. */
const FREE = new Set(['name', 'reason', 'title', 'closing_message', 'document', 'source', 'code'])

export const BETWEEN = ' · '
const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d/
const DAY = /^\d{4}-\d\d-\d\d$/
const MONTH = /^(\d{4})-(\d\d)$/

function nameOf(key: string): string {
  if (DAY.test(key)) return dayOf(key)
  const [, year, month] = MONTH.exec(key) ?? []
  return year ? text.calendar.year(Number(year)) + text.calendar.month(Number(month)) : (text.fields[key] ?? key)
}

function valueOf(value: unknown, key: string): string {
  if (value === null || value === undefined || value === '') return text.values.nothing
  if (typeof value === 'boolean') return value ? text.values.yes : text.values.no
  if (typeof value === 'number' && key.endsWith('_min')) return clockOf(value)
  const said = String(value)
  if (FREE.has(key)) return said
  if (MOMENT.test(said)) return momentOf(said)
  return DAY.test(said) ? dayOf(said) : (words[said] ?? said)
}

/** A stretch of a day is one thing to read. */
const isSpan = (content: unknown): content is { from_min: number; until_min: number } => typeof content === 'object' && content !== null && Object.keys(content).sort().join() === 'from_min,until_min'
const simple = (content: unknown): unknown => (isSpan(content) ? `${clockOf(content.from_min)}–${clockOf(content.until_min)}` : content)

/** Everything in it, each part by its way through the whole: nothing that is approved goes unseen. */
export function partsOf(whole: unknown, way: string[] = [], key = ''): Part[] {
  const path = way.join(BETWEEN)
  const content = Array.isArray(whole) ? whole.map(simple) : simple(whole)
  if (Array.isArray(content)) {
    if (!content.length) return [{ path, value: text.values.nothing }]
    if (content.every((item) => typeof item !== 'object' || item === null)) return [{ path, value: content.map((item) => valueOf(item, key)).join('、') }]
    return content.flatMap((item, i) => partsOf(item, [...way, text.values.nth(i + 1)], key))
  }
  if (typeof content === 'object' && content !== null) return Object.entries(content).flatMap(([name, item]) => partsOf(item, [...way, nameOf(name)], name))
  return [{ path, value: valueOf(content, key) }]
}

export interface Difference {
  path: string
  now: string
  then: string
}

/** So many are read at a glance: then what stays is shown as well. */
const FEW = 12

/** What is otherwise afterwards. */
export const differenceOf = (before: unknown, after: unknown): Difference[] => besideEachOther(before, after).filter((d) => d.now !== d.then)

/** What is otherwise, among all the rest where that is not much. */
export function comparisonOf(before: unknown, after: unknown): Difference[] {
  const all = besideEachOther(before, after)
  return all.length <= FEW ? all : all.filter((d) => d.now !== d.then)
}

function besideEachOther(before: unknown, after: unknown): Difference[] {
  const [now, then] = [partsOf(before), partsOf(after)].map((parts) => new Map(parts.map((p) => [p.path, p.value]))) as [Map<string, string>, Map<string, string>]
  const said = (parts: Map<string, string>, path: string) =>
    parts.get(path) ?? ([...parts.keys()].some((other) => other.startsWith(`${path}${BETWEEN}`)) ? text.values.below : text.values.nothing)
  return [...new Set([...now.keys(), ...then.keys()])].map((path) => ({ path, now: said(now, path), then: said(then, path) }))
}
