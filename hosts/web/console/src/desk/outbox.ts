import { reactive } from 'vue'

import { uuid7, type components } from '@shared'

import { api, answer } from '../api/http'
import { Problem, wordsFor } from '../api/problem'
import { kept } from '../api/session'

type MessageView = components['schemas']['MessageView']

/** A message without a definite answer is tried again after this, and as soon as the connection is back. */
const AGAIN_MS = 15_000

/** A message on its way. */
export interface Unsent {
  key: string
  conversation: string
  text: string
  quotes: number | null
  at: string
  failed: string | null
  /** Personal data stands in it, and nobody has said yet that it is meant. */
  warned: boolean
  confirmed: boolean
}

/** Messages on their way. Each keeps its key from the first try to the last, over reloads too. */
export class Outbox {
  items: Unsent[]
  private readonly busy = new Set<string>()
  private over = false

  constructor(
    private readonly owner: string,
    private readonly onsent: (conversation: string, message: MessageView) => void,
    private readonly onwarned: (item: Unsent) => void,
  ) {
    this.items = JSON.parse(kept.get(this.name) ?? '[]')
  }

  static of(owner: string, onsent: (conversation: string, message: MessageView) => void, onwarned: (item: Unsent) => void): Outbox {
    return reactive(new Outbox(owner, onsent, onwarned)) as Outbox
  }

  of(conversation: string): Unsent[] {
    return this.items.filter((i) => i.conversation === conversation)
  }

  add(conversation: string, text: string, quotes: number | null): void {
    this.items.push({ key: uuid7(), conversation, text, quotes, at: new Date().toISOString(), failed: null, warned: false, confirmed: false })
    this.keep()
    void this.send(conversation)
  }

  /** Takes up again what a reload, a lost session or a lost network interrupted. */
  resume(): void {
    for (const conversation of new Set(this.items.map((i) => i.conversation))) void this.send(conversation)
  }

  /** Another person signs in here next. */
  end(): void {
    this.over = true
  }

  again(key: string): void {
    const item = this.items.find((i) => i.key === key)
    if (!item) return
    item.failed = null
    item.confirmed ||= item.warned
    this.keep()
    void this.send(item.conversation)
  }

  /** It is with the host, or the person gave it up. */
  drop(key: string): Unsent | undefined {
    const item = this.items.find((i) => i.key === key)
    this.items = this.items.filter((i) => i.key !== key)
    this.keep()
    return item
  }

  private get name(): string {
    return `outbox ${this.owner}`
  }

  private keep(): void {
    kept.set(this.name, this.items.length ? JSON.stringify(this.items) : null)
  }

  /** One after the other within a conversation: they arrive in the order in which they were written. */
  private async send(conversation: string): Promise<void> {
    if (this.over || this.busy.has(conversation)) return
    this.busy.add(conversation)
    try {
      for (let item = this.next(conversation); item; item = this.next(conversation)) {
        if (await this.sendOne(item)) continue
        setTimeout(() => void this.send(conversation), AGAIN_MS)
        return
      }
    } finally {
      this.busy.delete(conversation)
    }
  }

  private next(conversation: string): Unsent | undefined {
    return this.items.find((i) => i.conversation === conversation && i.failed === null)
  }

  /** False where there is no definite answer yet: the same again, later. */
  private async sendOne(item: Unsent): Promise<boolean> {
    const { conversation, key, text, confirmed, quotes } = item
    try {
      const sent = await answer(
        api.POST('/api/v1/conversations/{conversation}/messages', {
          params: { path: { conversation }, header: { 'Idempotency-Key': key } },
          body: { text, confirmed, quotes },
        }),
      )
      this.onsent(conversation, { number: sent.number, sender: 'officer', mine: true, client_id: key, text, sent_at: sent.sent_at })
      this.drop(key)
    } catch (problem) {
      if (problem instanceof Problem && (problem.passing || problem.code === 'access.sign_in_required')) return false
      item.failed = wordsFor(problem)
      item.warned = problem instanceof Problem && problem.code === 'interaction.personal_data'
      this.keep()
      if (item.warned) this.onwarned(item)
    }
    return true
  }
}
