/** What may be asked over the desk. */
export type DeskDialog = 'hold' | 'transfer' | 'merge' | 'ask' | 'whispers' | 'end' | 'record'
