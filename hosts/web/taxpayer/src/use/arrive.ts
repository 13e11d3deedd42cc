import type { Provider } from '@/api/types'
import { bring } from '@/state/provider'
import { address } from './navigate'

/**
 * Links into a line, and those with which providers send somebody back, carry their query before the hash. Before the
 * router starts, so that no other page is shown first.
 */
export function arrive(): void {
  const came = new URLSearchParams(location.search)
  const line = came.get('line')
  const provider = came.get('provider') as Provider | null
  const proof = came.get('proof') ?? came.get('code') ?? came.get('ticket')
  let to = ''
  if (line) to = address('line', { line, entry: came.get('entry') })
  else if (provider && proof && bring({ provider, proof, state: came.get('state') })) to = address('signIn', {})
  if (location.search) history.replaceState(null, '', location.pathname + (to ? `#${to}` : location.hash))
}
