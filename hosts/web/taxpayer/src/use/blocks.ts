import { ref, type ComponentPublicInstance } from 'vue'

/** So many rows come and go together. */
export const BLOCK_ROWS = 20
const ROW_PX = 90

interface Box {
  top: number
  bottom: number
  height: number
  dataset?: { block?: string | number }
}

/** Of a long list only what is near the eye is drawn, in blocks; a block that is not takes the room that it took. */
export function useBlocks(self: () => ComponentPublicInstance | null | undefined, hold: string, block: string) {
  const drawn = ref(new Set<number>())
  const heights = new Map<number, number>()
  let frame = 0

  /** Draws these, too: the newest, or one that is about to be shown. */
  function draw(...blocks: number[]) {
    if (blocks.some((n) => !drawn.value.has(n))) drawn.value = new Set([...drawn.value, ...blocks])
  }

  /** As high as it was seen last; before that, as others are. */
  function heightOf(n: number, rows: number): number {
    const known = [...heights.values()]
    const mean = known.length ? known.reduce((sum, h) => sum + h, 0) / known.length : BLOCK_ROWS * ROW_PX
    return heights.get(n) ?? Math.round((mean * rows) / BLOCK_ROWS)
  }

  /** Measures, then draws what is within a screen of what is seen, and `kept`. Hands over how high the list's window is. */
  function look(kept: number[], seen: (height: number) => void) {
    const query = uni.createSelectorQuery().in(self())
    query.select(hold).boundingClientRect()
    query.selectAll(block).boundingClientRect()
    query.exec(([window, blocks]: [Box | null, Box[] | null]) => {
      if (!window?.height) return
      seen(window.height)
      const near = new Set(kept)
      for (const { dataset, top, bottom, height } of blocks ?? []) {
        const n = Number(dataset?.block)
        if (drawn.value.has(n)) heights.set(n, height)
        if (bottom > window.top - window.height && top < window.bottom + window.height) near.add(n)
      }
      const same = near.size === drawn.value.size && [...near].every((n) => drawn.value.has(n))
      if (!same) drawn.value = near
    })
  }

  /** The same while somebody scrolls: not for every step. */
  function lookSoon(kept: number[], seen: (height: number) => void) {
    if (frame) return
    frame = setTimeout(() => {
      frame = 0
      look(kept, seen)
    }, 50) as unknown as number
  }

  return { drawn, draw, heightOf, look, lookSoon }
}
