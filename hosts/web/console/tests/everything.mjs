// The host's answers, replaced: one officer who may do everything, and answers made of the API's own document.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const document = JSON.parse(readFileSync(join(import.meta.dirname, '../../shared/openapi.json'), 'utf8'))
const operations = Object.values(document.paths).flatMap((path) => Object.values(path).map((o) => o.operationId))
const patterns = Object.entries(document.paths).map(([path, methods]) => ({ path: new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+')}$`), methods }))

const json = (body, status = 200) => ({ status, contentType: 'application/json', body: JSON.stringify(body) })
export const refused = (status, title) => json({ title, status, code: status === 403 ? 'access.denied' : 'internal', type: 'about:blank' }, status)

/** Whoever is signed in may do everything, but for these, as far as the pages know. */
export const mayAllBut = (...not) =>
  json({ items: [...new Set(operations)].filter((o) => !not.includes(o)).map((operation) => ({ operation, title: operation, administrative: false, authorities: ['12200000000'] })) })
export const MAY_NOTHING = json({ items: [] })

/** Every list empty, whatever it is called. */
const EMPTY = Object.fromEntries(['items', 'lines', 'counts', 'months', 'days', 'missing', 'numbers', 'long_waits', 'officers'].map((list) => [list, []]))
export const NOTHING = json(EMPTY)
/** Nothing among what the host looked at, and there is more. */
export const NOTHING_YET = json({ ...EMPTY, cursor: 'further', before: 'further' })

const ID = '00000000-0000-7000-8000-000000000001'
const MOMENT = '2026-05-01T09:30:00+08:00'
/** Fields that are texts in the document, and that nobody writes freely. */
const CODED = {
  authority: '12201020000', code: '12201020000', parent: null, cursor: null, next: null, before: null, staff_no: '220102001', digest: 'a'.repeat(64), batch: 'a'.repeat(64),
  date: '2026-05-01', from: '2026-05-01', last_day: '2026-05-15', version: 1, entry: 'signed', actor: `officer/${ID}`, proposed_by: `officer/${ID}`, decided_by: `officer/${ID}`,
}

function sample(schema, words, name = '', depth = 0) {
  if (schema === true || !schema || depth > 24) return null
  if (schema.$ref) return sample(document.components.schemas[schema.$ref.split('/').at(-1)], words, name, depth + 1)
  if (schema.const !== undefined) return schema.const
  if (schema.enum) return schema.enum.includes('active') ? 'active' : schema.enum[0]
  const one = schema.oneOf ?? schema.anyOf
  // What goes on has more to press than what waits.
  if (one) return sample(one.find((s) => s.const === 'active') ?? one.find((s) => s.type !== 'null'), words, name, depth + 1)
  if (schema.allOf) return Object.assign({}, ...schema.allOf.map((s) => sample(s, words, name, depth + 1)))
  if (name in CODED && ![schema.type].flat().includes('array') && !schema.properties) return CODED[name]
  const type = [schema.type].flat().find((t) => t !== 'null')
  if (type === 'object' || schema.properties) return Object.fromEntries(Object.entries(schema.properties ?? {}).map(([field, s]) => [field, sample(s, words, field, depth + 1)]))
  if (type === 'array') return [sample(schema.items, words, name, depth + 1)]
  if (type === 'boolean') return true
  if (type === 'integer' || type === 'number') return Math.max(1, schema.minimum ?? 1)
  if (type !== 'string') return { [words]: words }
  if (schema.format === 'uuid') return ID
  if (schema.format === 'date-time') return MOMENT
  return words
}

/** What the document says that is answered, with these words wherever somebody could have written some. */
export function answered(url, method, words) {
  const { pathname } = new URL(url)
  const found = patterns.find(({ path, methods }) => path.test(pathname) && methods[method.toLowerCase()])
  const responses = found?.methods[method.toLowerCase()].responses ?? {}
  const schema = (responses['200'] ?? responses['201'])?.content?.['application/json']?.schema
  return json(sample(schema, words), responses['200'] ? 200 : 201)
}
