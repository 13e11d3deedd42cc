import { reactive } from 'vue'
import { uuid7 } from '@shared/index'
import { post } from '@/api/call'
import { Problem } from '@/api/problem'
import type { Message } from '@/api/types'

/** A message on its way. It keeps its key from the first try to the last, over reloads too. */
export interface Unsent {
  key: string
  conversation: string
  text: string
  quoted: Message['quoted']
  at: string
  failed: string | null
}

const KEPT = 'unsent'
const DRAFTS = 'drafts'

/** Messages that the host has not confirmed yet, in the order in which they were written. */
export const outbox = reactive({
  items: [] as Unsent[],
  /** What is being written, by conversation. */
  drafts: {} as Record<string, string>,
  owner: '',
  busy: new Set<string>(),
  onsent: (_conversation: string, _message: Message) => {},

  /** Takes up what a reload or a lost session interrupted. */
  begin(owner: string) {
    this.owner = owner
    this.items = (uni.getStorageSync(`${KEPT} ${owner}`) as Unsent[]) || []
    this.drafts = (uni.getStorageSync(`${DRAFTS} ${owner}`) as Record<string, string>) || {}
    for (const conversation of new Set(this.items.map((i) => i.conversation))) void this.send(conversation)
  },

  end() {
    this.owner = ''
    this.items = []
    this.drafts = {}
  },

  of(conversation: string): Unsent[] {
    return this.items.filter((i) => i.conversation === conversation)
  },

  add(conversation: string, text: string, quoted: Message['quoted']) {
    this.items.push({ key: uuid7(), conversation, text, quoted, at: new Date().toISOString(), failed: null })
    this.keep()
    void this.send(conversation)
  },

  again(key: string) {
    const item = this.items.find((i) => i.key === key)
    if (!item) return
    item.failed = null
    this.keep()
    void this.send(item.conversation)
  },

  /** It is with the host, or its writer gave it up. */
  drop(key: string) {
    this.items = this.items.filter((i) => i.key !== key)
    this.keep()
  },

  write(conversation: string, text: string) {
    if (text) this.drafts[conversation] = text
    else delete this.drafts[conversation]
    this.store(DRAFTS, this.drafts)
  },

  /** Their writer goes, and nobody else shall find them. */
  forget() {
    this.items = []
    this.drafts = {}
    this.keep()
    this.store(DRAFTS, this.drafts)
  },

  keep() {
    this.store(KEPT, this.items)
  },

  store(what: string, held: object) {
    if (!this.owner) return
    const place = `${what} ${this.owner}`
    if (Object.keys(held).length) uni.setStorageSync(place, held)
    else uni.removeStorageSync(place)
  },

  /** One after the other within a conversation: they arrive in the order in which they were written. */
  async send(conversation: string) {
    if (this.busy.has(conversation)) return
    this.busy.add(conversation)
    const { owner } = this
    try {
      for (;;) {
        const item = this.items.find((i) => i.conversation === conversation && !i.failed)
        if (!item || owner !== this.owner) return
        try {
          const body = { text: item.text, quotes: item.quoted?.number ?? null, confirmed: false }
          const path = { conversation }
          const sent = await post('/api/v1/conversations/{conversation}/messages', { path, body, key: item.key, patient: true })
          if (owner !== this.owner) return
          const { key, text, quoted } = item
          this.onsent(conversation, { number: sent.number, sender: 'taxpayer', mine: true, client_id: key, text, quoted, sent_at: sent.sent_at })
          this.drop(item.key)
        } catch (problem) {
          if (!(problem instanceof Problem)) throw problem
          if (problem.status === 401) return
          item.failed = problem.message
          this.keep()
        }
      }
    } finally {
      this.busy.delete(conversation)
    }
  },
})
