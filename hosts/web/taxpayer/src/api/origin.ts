/** Where the host is: the page's own on H5, named at build time for a mini-program, which has none. */
export const origin = (import.meta.env.VITE_API_ORIGIN as string | undefined) ?? ''

/** The same for sockets, which take no relative address. */
export function socketOrigin(): string {
  // #ifdef H5
  if (!origin) return location.origin.replace(/^http/, 'ws')
  // #endif
  return origin.replace(/^http/, 'ws')
}
