import type { components } from '@shared'

/** How many of a hundred promises that were kept or broken by now were kept; null where nothing was promised, or nothing is decided yet. */
export const keptOf = ({ kept, measured }: components['schemas']['LinePromise']): number | null => (kept == null || !measured ? null : Math.round((kept / measured) * 100))
