import { ElMessage } from 'element-plus/es/components/message/index'
import 'element-plus/es/components/message/style/css'
import { ElMessageBox, type MessageBoxInputData } from 'element-plus/es/components/message-box/index'
import 'element-plus/es/components/message-box/style/css'
import { ref } from 'vue'

import { Problem, wordsFor } from './api/problem'
import { text } from './text'

/** What went wrong, in the host's words, which say what to do. A session's end is told by the sign-in page. */
export function complain(problem: unknown): void {
  if (problem instanceof Problem && problem.code === 'access.sign_in_required') return
  ElMessage({ type: 'error', message: wordsFor(problem), duration: 6_000, showClose: true })
  if (!(problem instanceof Problem)) console.error(problem)
}

export function done(words: string): void {
  ElMessage({ type: 'success', message: words })
}

/** One thing at a time; what goes wrong is told, in a popup or as the page says. Answers whether it was done. */
export function useBusy(told: (problem: unknown) => void = complain) {
  const busy = ref(false)
  async function run(work: () => Promise<unknown>): Promise<boolean> {
    if (busy.value) return false
    busy.value = true
    try {
      await work()
      return true
    } catch (problem) {
      told(problem)
      return false
    } finally {
      busy.value = false
    }
  }
  return { busy, run }
}

/** Asks why; null where it was put away. */
export async function askReason(title: string, lead: string, placeholder = ''): Promise<string | null> {
  const asked = await ElMessageBox.prompt(lead, title, {
    confirmButtonText: text.common.ok,
    cancelButtonText: text.common.cancel,
    inputPlaceholder: placeholder || text.common.reason,
    inputValidator: (value) => Boolean(value?.trim()) || text.common.reasonNeeded,
    closeOnClickModal: false,
  }).catch(() => null)
  return asked === null ? null : (asked as MessageBoxInputData).value.trim()
}
