import { reactive } from 'vue'
import { Problem } from '@/api/problem'

/** Something a person set off by a tap: not twice at once, and what went wrong is shown. */
export function useTask() {
  const task = reactive({
    busy: false,
    problem: null as Problem | null,
    async run(work: () => Promise<void>) {
      if (task.busy) return
      task.busy = true
      task.problem = null
      try {
        await work()
      } catch (problem) {
        if (!(problem instanceof Problem)) throw problem
        task.problem = problem
      } finally {
        task.busy = false
      }
    },
  })
  return task
}
