const KINDS = ['ABCDEFGHJKLMNPQRSTUVWXYZ', 'abcdefghijkmnpqrstuvwxyz', '23456789']
const LENGTH = 15

/** A password to be changed at the next sign-in: of three kinds in turn, without what is read wrongly. */
export function newPassword(): string {
  const random = crypto.getRandomValues(new Uint32Array(LENGTH))
  const letter = (n: number, kind: string) => kind[n % kind.length]
  return [...random].map((n, i) => letter(n, KINDS[i % KINDS.length]!)).join('')
}
