import { address } from './navigate'

/**
 * Links into a line, and those with which providers send somebody back, carry their query before the hash: puts it
 * behind, where pages look for it. Before the router starts, so that no other page is shown first.
 */
export function arrive(): void {
  const came = new URLSearchParams(location.search)
  const line = came.get('line')
  const provider = came.get('provider')
  const proof = came.get('proof') ?? came.get('code')
  const to = line ? address('line', { line, entry: came.get('entry') }) : provider && proof ? address('signIn', { provider, proof }) : ''
  if (to) history.replaceState(null, '', `${location.pathname}#${to}`)
}
