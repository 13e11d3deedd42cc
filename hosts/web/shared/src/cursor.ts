/**
 * Cursors are `number.number`, too large for a JavaScript number. Compared as digits, not as BigInt: the engines of
 * older phones have none.
 */
export function isLater(cursor: string, than: string): boolean {
  const left = cursor.split('.')
  const right = than.split('.')
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const a = digits(left[i])
    const b = digits(right[i])
    if (a.length !== b.length) return a.length > b.length
    if (a !== b) return a > b
  }
  return false
}

const digits = (part: string | undefined) => (part ?? '').replace(/^0+/, '')
