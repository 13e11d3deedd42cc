import { onMounted, ref, type Ref } from 'vue'

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
