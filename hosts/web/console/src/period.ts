import { instantOf } from './format'

/** What a page of figures may look back over. */
export type Period = 'today' | 'week' | 'month'

/** From midnight here, so many days ago, until now. */
export function boundsOf(period: Period): { from: string; until: string } {
  const days = { today: 0, week: 6, month: 29 }[period]
  return { from: instantOf('00:00', days), until: new Date().toISOString() }
}
