import type { components } from '@shared'

/** How many of a hundred who were served were served in time; null where nothing was promised, or nobody served. */
export const keptOf = ({ kept, served }: components['schemas']['LinePromise']): number | null => (kept == null || !served ? null : Math.round((kept / served) * 100))
