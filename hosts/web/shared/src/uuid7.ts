/** UUID v7: the time first, then chance. Idempotency keys are such. */
export function uuid7(random: (bytes: Uint8Array) => void = secure, now: number = Date.now()): string {
  const bytes = new Uint8Array(16)
  random(bytes)
  for (let i = 5, left = now; i >= 0; i--, left = Math.floor(left / 256)) bytes[i] = left % 256
  bytes[6] = (bytes[6]! & 0x0f) | 0x70
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  const hex = Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

/** Mini-programs have no `crypto`; a key has to be unlike others, not secret. */
function secure(bytes: Uint8Array): void {
  if (typeof crypto !== 'undefined' && crypto.getRandomValues) crypto.getRandomValues(bytes)
  else for (let i = 0; i < bytes.length; i++) bytes[i] = Math.floor(Math.random() * 256)
}
