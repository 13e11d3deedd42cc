import { reactive } from 'vue'
import { del, get, post } from '@/api/call'
import { credential } from '@/api/credential'
import { Problem } from '@/api/problem'
import type { Me, Provider } from '@/api/types'
import { zh } from '@/text/zh'
import { toSignIn } from '@/use/navigate'
import { desk } from './desk'
import { outbox } from './outbox'

type Begun = { token: string; kind: string }

/** Who is signed in here. */
export const session = reactive({
  here: credential.token !== null,
  me: null as Me | null,
  /** Why one has to sign in again. */
  why: '',

  async signIn(login: string, password: string) {
    this.begin(await post('/api/v1/sessions', { body: { login, password }, anonymous: true, harmless: true }))
  },

  /** `link` stands for an account of an earlier refusal that becomes that of whom this proof verifies. */
  async signInWith(provider: Provider, proof: string, link: string | null) {
    this.begin(await post('/api/v1/providers/{provider}/sessions', { path: { provider }, body: { proof, link }, anonymous: true }))
  },

  begin({ token, kind }: Begun) {
    credential.keep(token)
    if (kind !== 'taxpayer') {
      void this.signOut().catch(() => {})
      throw new Problem({ status: 403, code: 'access.denied', title: zh.signIn.notTaxpayer })
    }
    this.here = true
    this.why = ''
  },

  /** What goes with a session is read once: by the first page that is shown. */
  async enter() {
    if (!this.me) this.me = await get('/api/v1/me', {})
    if (this.me.taxpayer) await desk.begin(this.me.taxpayer)
  },

  async signOut() {
    try {
      await del('/api/v1/sessions/current', {})
    } finally {
      // Also where the host was not reached: it forgets the session by itself after a while.
      outbox.forget()
      this.end('')
    }
  },

  /** Leaves nothing behind for the next person at this screen, but what is not sent yet: its writer may come back. */
  end(why: string) {
    desk.end()
    credential.keep(null)
    this.here = false
    this.me = null
    this.why = why
  },
})

credential.onrefused = () => {
  session.end(zh.signIn.expired)
  toSignIn()
}
