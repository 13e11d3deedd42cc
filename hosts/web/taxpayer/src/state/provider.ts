import { ref, watch } from 'vue'
import { uuid7 } from '@shared/index'
import type { Provider } from '@/api/types'
import { brief } from './brief'

/** A provider's own sign-in, and how one gets there. */
export interface Way {
  provider: Provider
  /** Named at build time, with `{state}` in it; of another mini-program `appid/path`. */
  url: string
}

const { VITE_OFFICIAL_ACCOUNT_URL, VITE_PORTAL_URL, VITE_TAX_BUREAU_URL } = import.meta.env as Record<string, string | undefined>
const named = [
  { provider: 'official_account', url: VITE_OFFICIAL_ACCOUNT_URL },
  { provider: 'portal', url: VITE_PORTAL_URL },
  { provider: 'electronic_tax_bureau', url: VITE_TAX_BUREAU_URL },
] satisfies Partial<Way>[]

export const ways = named.filter((way): way is typeof way & Way => Boolean(way.url))
/** Those that verify who somebody is. */
export const verifying = ways.filter((way) => way.provider !== 'official_account')

const STATE = 'state'
const LINK = 'link'

/**
 * Goes to a provider's sign-in. Whoever comes back with another `state` did not go there from here: such a proof may be
 * somebody else's, and would link their account to whoever verifies next.
 */
export function leaveFor(way: Way): void {
  const state = uuid7()
  brief.set(STATE, state)
  const url = way.url.replace('{state}', state)
  // #ifdef H5
  location.assign(url)
  // #endif
  // #ifdef MP-WEIXIN
  const [appId = '', ...path] = url.split('/')
  uni.navigateToMiniProgram({ appId, path: path.join('/'), extraData: { state } })
  // #endif
}

/** What somebody was sent back with. */
export interface Brought {
  provider: Provider
  proof: string
}

let brought: Brought | null = null

/** Whether it is the answer to where this person went; then it waits for the sign-in, in no address. */
export function bring(back: Brought & { state: string | null | undefined }): boolean {
  const state = brief.get(STATE)
  brief.remove(STATE)
  if (!state || back.state !== state) return false
  brought = { provider: back.provider, proof: back.proof }
  return true
}

export function takeBrought(): Brought | null {
  const taken = brought
  brought = null
  return taken
}

/** What stands for an account that nobody is known to hold, until a provider verifies who does. It is good for some minutes. */
export const pendingLink = ref(brief.get(LINK))

watch(pendingLink, (link) => (link ? brief.set(LINK, link) : brief.remove(LINK)), { flush: 'sync' })
