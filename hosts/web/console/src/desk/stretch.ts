import { computed, nextTick, onBeforeUnmount, onMounted, ref, type Ref } from 'vue'

/** So many messages are rendered at once, of however many there are. */
const ROWS = 120
const STEP = 60
const NEAR_PX = 600
const NEAR_END_PX = 60

/** The stretch of a long conversation that is rendered: it goes along with whoever scrolls, and sticks to the end where they are at it. */
export function useStretch(box: Ref<HTMLElement | null>, length: () => number) {
  const from = ref(0)
  const sticks = ref(true)
  const last = () => Math.max(0, length() - ROWS)
  const until = computed(() => Math.min(length(), from.value + ROWS))
  const whole = computed(() => until.value === length())

  /** What is rendered in both stretches stays where it is. */
  async function move(to: number): Promise<void> {
    const start = Math.min(Math.max(0, to), last())
    if (start === from.value) return
    const kept = box.value?.querySelector(`[data-at="${Math.max(start, from.value)}"]`)
    const before = kept?.getBoundingClientRect().top ?? 0
    from.value = start
    await nextTick()
    if (kept && box.value) box.value.scrollTop += kept.getBoundingClientRect().top - before
  }

  async function toEnd(): Promise<void> {
    sticks.value = true
    from.value = last()
    await nextTick()
    if (box.value) box.value.scrollTop = box.value.scrollHeight
  }

  function scrolled(): void {
    const { scrollTop, scrollHeight, clientHeight } = box.value!
    const below = scrollHeight - scrollTop - clientHeight
    sticks.value = whole.value && below < NEAR_END_PX
    if (scrollTop < NEAR_PX) void move(from.value - STEP)
    else if (below < NEAR_PX && !whole.value) void move(from.value + STEP)
  }

  // The end stays in sight however large the window is.
  const resized = new ResizeObserver(() => sticks.value && void toEnd())
  onMounted(() => box.value && resized.observe(box.value))
  onBeforeUnmount(() => resized.disconnect())

  return { from, until, whole, sticks, toEnd, scrolled }
}
