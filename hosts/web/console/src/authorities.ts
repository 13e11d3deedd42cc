import { shallowReactive } from 'vue'

import type { components } from '@shared'

import { answer, api } from './api/http'

type View = components['schemas']['AuthorityView']

/** An authority with those right below it; leaves have none. */
export interface Authority extends View {
  children?: Authority[]
}

const PAGE = 200

let reading: Promise<void> | null = null

async function readAll(): Promise<void> {
  const byCode = new Map<string, Authority>()
  let after: string | null | undefined
  do {
    const page = await answer(api.GET('/api/v1/authorities', { params: { query: { limit: PAGE, ...(after && { after }) } } }))
    for (const view of page.items) byCode.set(view.code, { ...view })
    after = page.next
  } while (after)
  const roots: Authority[] = []
  for (const one of byCode.values()) {
    const above = one.parent ? byCode.get(one.parent) : undefined
    if (above) (above.children ??= []).push(one)
    else roots.push(one)
  }
  authorities.byCode = byCode
  authorities.roots = roots
  authorities.isRead = true
}

/** The tax authorities as a tree, read once. Not deeply reactive: there are thousands, and none changes here. */
export const authorities = shallowReactive({
  isRead: false,
  roots: [] as Authority[],
  byCode: new Map<string, Authority>(),
  failed: null as unknown,

  /** Once, however many ask. What went wrong stands in `failed`, and is tried anew by whoever asks next. */
  read(): Promise<void> {
    if (authorities.isRead) return Promise.resolve()
    reading ??= readAll()
      .then(
        () => (authorities.failed = null),
        (problem: unknown) => (authorities.failed = problem),
      )
      .then(() => void (reading = null))
    return reading
  },

  /** Those named, each with all below it, and none twice; the whole tree where none is named. */
  within(codes: string[]): Authority[] {
    if (!codes.length) return authorities.roots
    const isBelow = (one: Authority): boolean => {
      for (let up = one.parent; up; up = authorities.byCode.get(up)?.parent) if (codes.includes(up)) return true
      return false
    }
    return [...new Set(codes)].flatMap((code) => authorities.byCode.get(code) ?? []).filter((one) => !isBelow(one))
  },

  /** The name beside the code, which is what counts; the code alone while names are not there. */
  beside(code: string | null | undefined): string {
    const name = authorities.byCode.get(code ?? '')?.name
    return name ? `${name}（${code}）` : (code ?? '')
  },
})

/** The name without that of the root, which every one begins with: in a tree it says nothing, and hides what does. */
export function shortOf({ name, parent }: View): string {
  const root = parent ? authorities.roots.find((one) => name.startsWith(one.name) && name !== one.name) : undefined
  return root ? name.slice(root.name.length) : name
}

/** Whether what somebody looks for is in the name or the code. */
export const isFound = ({ name, code }: View, wanted: string): boolean => name.includes(wanted.trim()) || code.startsWith(wanted.trim())
