import { ref, type Ref } from 'vue'

/** Whether the page is narrower than that. */
export function narrowerThan(px: number): Ref<boolean> {
  const query = window.matchMedia(`(max-width: ${px - 1}px)`)
  const is = ref(query.matches)
  query.addEventListener('change', () => (is.value = query.matches))
  return is
}

/** As on a phone, where one thing stands below the other. */
export const phone = narrowerThan(768)
/** Where a table with all its columns has no room. */
export const narrow = narrowerThan(1000)
export const tight = narrowerThan(1200)
