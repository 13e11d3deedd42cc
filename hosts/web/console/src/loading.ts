import { onMounted, ref, type Ref } from 'vue'

import { useBusy } from './tell'

/** Something that a page reads: not there yet, there, or why not. */
export interface Loaded<T> {
  data: Ref<T | null>
  problem: Ref<unknown>
  busy: Ref<boolean>
  load(): Promise<void>
}

/** Reads when the page is shown; an answer that was overtaken by a later one is not shown. */
export function useLoaded<T>(read: () => Promise<T>, atOnce = true): Loaded<T> {
  const data = ref(null) as Ref<T | null>
  const problem = ref<unknown>(null)
  const busy = ref(false)
  let last = 0
  async function load(): Promise<void> {
    const mine = ++last
    busy.value = true
    try {
      const answered = await read()
      if (mine !== last) return
      data.value = answered
      problem.value = null
    } catch (error) {
      if (mine === last) problem.value = error
    } finally {
      if (mine === last) busy.value = false
    }
  }
  if (atOnce) onMounted(load)
  return { data, problem, busy, load }
}

interface Page<T> {
  items: T[]
  cursor?: string | null
}

/** A list that goes on behind a cursor; what was read anew meanwhile gets no rows of the old list. */
export function usePages<T>(read: (cursor?: string) => Promise<Page<T>>) {
  const pages = useLoaded(() => read())
  const { busy: reading, run } = useBusy()
  const more = () =>
    run(async () => {
      const page = pages.data.value
      if (!page?.cursor) return
      const next = await read(page.cursor)
      if (pages.data.value === page) pages.data.value = { items: [...page.items, ...next.items], cursor: next.cursor }
    })
  return { ...pages, reading, more }
}
