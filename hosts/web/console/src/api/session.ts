import { reactive } from 'vue'

import type { components } from '@shared'

type SignedIn = components['schemas']['SignedIn']

// What private windows refuse to keep lasts until the page is left.
const memory = new Map<string, string>()

export const kept = {
  get(name: string): string | null {
    try {
      return sessionStorage.getItem(name)
    } catch {
      return memory.get(name) ?? null
    }
  },
  set(name: string, value: string | null): void {
    try {
      if (value === null) sessionStorage.removeItem(name)
      else sessionStorage.setItem(name, value)
    } catch {
      if (value === null) memory.delete(name)
      else memory.set(name, value)
    }
  },
}

/** Who is signed in here. */
export const session = reactive({
  token: kept.get('token'),
  duty: null as SignedIn['duty'],
  /** Why one has to sign in again. */
  message: '',

  begin(signedIn: SignedIn): void {
    session.token = signedIn.token
    session.duty = signedIn.duty
    session.message = ''
    kept.set('token', signedIn.token)
  },

  end(message = ''): void {
    session.token = null
    session.duty = null
    session.message = message
    kept.set('token', null)
  },
})
