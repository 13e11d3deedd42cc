import { onBeforeUnmount, onMounted } from 'vue'

/** Shortcuts of a page: letters and arrows with Alt; `?` alone, where nobody is writing. Silent while a dialog is open. */
export function useKeys(keys: Record<string, () => unknown>): void {
  function pressed(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.isComposing || document.querySelector('.el-overlay:not([style*="display: none"])')) return
    const writing = event.target instanceof HTMLElement && event.target.closest('input, textarea')
    // With Alt some layouts write another letter: the key's place counts then.
    const name = event.altKey ? (/^Key[A-Z]$/.test(event.code) ? event.code.slice(3).toLowerCase() : event.key) : event.key === '?' && !writing ? '?' : ''
    const what = keys[name]
    if (!what || (name === '?' && event.altKey)) return
    event.preventDefault()
    what()
  }
  onMounted(() => document.addEventListener('keydown', pressed))
  onBeforeUnmount(() => document.removeEventListener('keydown', pressed))
}
