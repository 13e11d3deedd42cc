import { computed, ref, type Ref } from 'vue'
import { useLoaded } from './loaded'
import { useTask } from './task'

interface Page<T> {
  items: T[]
  cursor?: string | null
}

const ROWS = 20
/** As the host's `limits::PAGE_ROWS_MAX`. */
const ROWS_MAX = 200

/** A list that the host hands out page by page, newest first. */
export function usePaged<T>(read: (query: { limit: number; cursor?: string }) => Promise<Page<T>>) {
  const items = ref([]) as Ref<T[]>
  const cursor = ref<string | null>(null)
  const paging = useTask()

  // Whoever comes back to the page finds as much of the list as was there.
  const { data, state, load } = useLoaded(async () => {
    const page = await read({ limit: Math.min(ROWS_MAX, Math.max(ROWS, items.value.length)) })
    items.value = page.items
    cursor.value = page.cursor ?? null
    return true
  })

  const more = () =>
    void paging.run(async () => {
      const page = await read({ limit: ROWS, cursor: cursor.value ?? undefined })
      items.value = [...items.value, ...page.items]
      cursor.value = page.cursor ?? null
    })

  return { items, there: computed(() => data.value !== null), goesOn: computed(() => cursor.value !== null), state, load, paging, more }
}
