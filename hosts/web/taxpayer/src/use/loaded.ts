import { reactive, shallowRef, type ShallowRef } from 'vue'
import { Problem } from '@/api/problem'

/** How reading something stands: what `LoadState` shows. */
export interface Loading {
  busy: boolean
  problem: Problem | null
}

/** Something read from the host. While it is read anew, what was there stays. */
export function useLoaded<T>(read: () => Promise<T>): { data: ShallowRef<T | null>; state: Loading; load: () => Promise<void> } {
  const data = shallowRef<T | null>(null)
  const state = reactive<Loading>({ busy: false, problem: null })
  async function load() {
    state.busy = true
    try {
      data.value = await read()
      state.problem = null
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem
      state.problem = problem
    } finally {
      state.busy = false
    }
  }
  return { data, state: state as Loading, load }
}
