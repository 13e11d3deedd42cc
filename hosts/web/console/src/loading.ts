import { onMounted, ref, type Ref } from 'vue'

import { useBusy } from './tell'

/** Something that a page reads: not there yet, there, or why not. */
export interface Loaded<T> {
  data: Ref<T | null>
  problem: Ref<unknown>
  busy: Ref<boolean>
  /** When what is there was asked for. */
  at: Ref<number>
  load(): Promise<void>
}

/** Reads when the page is shown; an answer that was overtaken by a later one is not shown. */
export function useLoaded<T>(read: () => Promise<T>, atOnce = true): Loaded<T> {
  const data = ref(null) as Ref<T | null>
  const problem = ref<unknown>(null)
  const busy = ref(false)
  const at = ref(0)
  let last = 0
  async function load(): Promise<void> {
    const mine = ++last
    const asked = Date.now()
    busy.value = true
    try {
      const answered = await read()
      if (mine !== last) return
      data.value = answered
      at.value = asked
      problem.value = null
    } catch (error) {
      if (mine === last) problem.value = error
    } finally {
      if (mine === last) busy.value = false
    }
  }
  if (atOnce) onMounted(load)
  return { data, problem, busy, at, load }
}

interface Page<T> {
  items: T[]
  cursor?: string | null
}

/** The host looks at so many rows a call, and may find none of those wanted: it is asked on, so often. */
const CALLS_MAX = 5

/** A list that goes on behind a cursor; what was read anew meanwhile gets no rows of the old list. */
export function usePages<T>(read: (cursor?: string) => Promise<Page<T>>, atOnce = true) {
  async function found(cursor?: string): Promise<Page<T>> {
    let page = await read(cursor)
    for (let calls = 1; calls < CALLS_MAX && page.cursor && !page.items.length; calls++) page = await read(page.cursor)
    return page
  }
  const pages = useLoaded(() => found(), atOnce)
  const { busy: reading, run } = useBusy()
  const more = () =>
    run(async () => {
      const page = pages.data.value
      if (!page?.cursor) return
      const next = await found(page.cursor)
      if (pages.data.value === page) pages.data.value = { items: [...page.items, ...next.items], cursor: next.cursor }
    })
  return { ...pages, reading, more }
}
