import { text } from './text'

const DAY_MS = 86_400_000
const zone = 'Asia/Shanghai'
const days = new Intl.DateTimeFormat('zh-CN', { timeZone: zone, year: 'numeric', month: 'long', day: 'numeric' })
const monthDays = new Intl.DateTimeFormat('zh-CN', { timeZone: zone, month: 'long', day: 'numeric' })
const dates = new Intl.DateTimeFormat('sv-SE', { timeZone: zone })
const times = new Intl.DateTimeFormat('zh-CN', { timeZone: zone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })

/** 2026年11月23日 */
export const dayOf = (at: string | number): string => days.format(new Date(at))
/** 09:30 */
export const timeOf = (at: string | number): string => times.format(new Date(at))
/** 2026年11月23日 09:30 */
export const momentOf = (at: string | number): string => `${dayOf(at)} ${timeOf(at)}`

/** The time alone where it is today; else 11月23日 09:30. */
export const soonOf = (at: string | number): string => (dayOf(at) === dayOf(Date.now()) ? '' : `${monthDays.format(new Date(at))} `) + timeOf(at)

/** A time of a day here, as the host reads it: of today, or so many days ago. */
export const instantOf = (clock: string, daysAgo = 0): string => `${dates.format(new Date(Date.now() - daysAgo * DAY_MS))}T${clock}:00+08:00`

/** 09:30, of minutes from midnight. */
export const clockOf = (minutes: number): string => [Math.floor(minutes / 60), minutes % 60].map((n) => String(n).padStart(2, '0')).join(':')

/** How long something takes, to the unit that matters. */
export function spanOf(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds))
  if (s < 60) return text.span.seconds(s)
  if (s < 3600) return text.span.minutes(Math.floor(s / 60))
  if (s < 86_400) return text.span.hours(Math.floor(s / 3600), Math.floor((s % 3600) / 60))
  return text.span.days(Math.floor(s / 86_400))
}
