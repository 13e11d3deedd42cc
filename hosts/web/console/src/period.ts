const DAY_MS = 86_400_000
const dates = new Intl.DateTimeFormat('sv-SE', { timeZone: 'Asia/Shanghai' })

/** What a page of figures may look back over. */
export type Period = 'today' | 'week' | 'month'

/** From midnight here, so many days ago, until now. */
export function boundsOf(period: Period): { from: string; until: string } {
  const days = { today: 0, week: 6, month: 29 }[period]
  return { from: `${dates.format(new Date(Date.now() - days * DAY_MS))}T00:00:00+08:00`, until: new Date().toISOString() }
}
