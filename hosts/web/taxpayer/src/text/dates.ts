import { zh } from './zh'

const SHANGHAI_MS = 8 * 3_600_000

/** The clock of a wall in China, wherever the phone is. Mini-programs have no time zones in `Intl`. */
function wall(at: string): Date {
  return new Date(Date.parse(at) + SHANGHAI_MS)
}

/** 2026年11月23日 */
export function dayOf(at: string): string {
  const w = wall(at)
  return zh.day(w.getUTCFullYear(), w.getUTCMonth() + 1, w.getUTCDate())
}

/** 09:05 */
export function timeOf(at: string): string {
  const w = wall(at)
  return zh.time(w.getUTCHours(), w.getUTCMinutes())
}

/** 2026年11月23日 09:05 */
export const dayAndTimeOf = (at: string) => `${dayOf(at)} ${timeOf(at)}`

/** The time alone where it is today. */
export function soonOf(at: string): string {
  return dayOf(at) === dayOf(new Date().toISOString()) ? timeOf(at) : dayAndTimeOf(at)
}
