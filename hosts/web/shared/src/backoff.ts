/** Growing waits with chance in them, so that a thousand clients do not come back in the same moment. */
export function backoff(attempt: number, first: number, most: number, random: () => number = Math.random): number {
  return Math.min(most, first * 2 ** Math.min(attempt, 16)) * (0.6 + 0.4 * random())
}
