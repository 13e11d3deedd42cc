import { reactive } from 'vue'

import type { components, LiveEvent } from '@shared'

import { answer, api } from '../api/http'

type ConversationView = components['schemas']['ConversationView']
type MessageView = components['schemas']['MessageView']

const PAGE = 200
const TYPING_MS = 6_000

export const goesOn = (state: ConversationView['state']): boolean => state === 'waiting' || state === 'active'

/** One conversation as known here. Messages are kept by number, so none is there twice and a gap shows. */
export class Thread {
  /** In order. */
  messages: MessageView[] = []
  newest: MessageView | null = null
  loaded = false
  draft = ''
  quoting: MessageView | null = null
  typingUntil = 0
  /** All numbers up to this one are here. */
  private whole = 0
  private marked = 0
  private filling: Promise<void> | null = null

  constructor(public info: ConversationView) {}

  static of(info: ConversationView): Thread {
    return reactive(new Thread(info)) as Thread
  }

  get id(): string {
    return this.info.id
  }

  get open(): boolean {
    return goesOn(this.info.state)
  }

  get unread(): number {
    return this.open ? this.info.unread : 0
  }

  /** Takes in the present state. What events have told already is never taken back by an older answer. */
  update(info: ConversationView): void {
    if (!this.open && goesOn(info.state)) return // what is over stays over
    const behind = info.last_number < this.info.last_number
    const later = (name: 'last_number' | 'taxpayer_read' | 'officer_read') => Math.max(this.info[name], info[name])
    this.info = {
      ...info,
      last_number: later('last_number'),
      taxpayer_read: later('taxpayer_read'),
      officer_read: later('officer_read'),
      unread: behind ? this.info.unread : info.unread,
      unanswered_since: behind ? this.info.unanswered_since : info.unanswered_since,
    }
  }

  async refresh(): Promise<void> {
    this.update(await answer(api.GET('/api/v1/conversations/{conversation}', { params: { path: { conversation: this.id } } })))
    if (this.loaded) await this.fill()
  }

  async load(): Promise<void> {
    await this.fill()
    this.loaded = true
  }

  /** Fetches what comes after the last number without a gap, until there is nothing more. */
  fill(): Promise<void> {
    this.filling ??= this.fetchOn().finally(() => (this.filling = null))
    return this.filling
  }

  private async fetchOn(): Promise<void> {
    for (;;) {
      const before = this.whole
      const query = { after: before, limit: PAGE }
      const { items } = await answer(api.GET('/api/v1/conversations/{conversation}/messages', { params: { path: { conversation: this.id }, query } }))
      for (const message of items) this.keep(message)
      if (this.whole === before || items.length < PAGE) return
    }
  }

  /** The last message of a conversation that is not open, for the list. */
  async peek(): Promise<void> {
    if (this.newest || this.info.last_number === 0) return
    const query = { after: this.info.last_number - 1, limit: 1 }
    const { items } = await answer(api.GET('/api/v1/conversations/{conversation}/messages', { params: { path: { conversation: this.id }, query } }))
    if (items[0] && !this.newest) this.newest = items[0]
  }

  private keep(message: MessageView): void {
    let at = this.messages.length
    while (at > 0 && this.messages[at - 1]!.number > message.number) at--
    if (this.messages[at - 1]?.number === message.number) this.messages[at - 1] = message
    else this.messages.splice(at, 0, message)
    // Numbers have no gaps: as many as there are, so far do they reach.
    while (this.messages[this.whole]?.number === this.whole + 1) this.whole++
    this.note(message)
  }

  /** What a message means for the list, however it came here. */
  private note(message: MessageView): void {
    if (!this.newest || message.number >= this.newest.number) this.newest = message
    if (message.number <= this.info.last_number) return
    this.info.last_number = message.number
    if (message.sender === 'officer') this.info.unanswered_since = null
    else this.info.unanswered_since ??= message.sent_at
    if (message.mine) this.info.unread = 0
    else if (message.sender === 'taxpayer') this.info.unread++
  }

  /** Takes in a message that was just sent, by whomever. */
  take(message: MessageView): void {
    if (message.sender === 'taxpayer') this.typingUntil = 0
    // Whoever writes has read what was written before.
    if (message.mine) this.info.officer_read = Math.max(this.info.officer_read, message.number)
    if (!this.loaded) {
      this.note(message)
      return
    }
    this.keep(message)
    if (this.whole < this.info.last_number) this.fill().catch(() => {}) // the next hello fills it
  }

  /** The host has taken a message of one's own. Its event says more, and may have been here before. */
  sent(message: MessageView): void {
    if (!this.messages.some((m) => m.number === message.number)) this.take(message)
  }

  /** A message that its sender recalled: its text is gone, its place stays. */
  private recall(message: MessageView): void {
    if (this.loaded) this.keep(message)
    if (this.newest?.number === message.number) this.newest = message
    for (const m of this.messages) if (m.quoted?.number === message.number) m.quoted = { ...m.quoted, excerpt: message.text, recalled: true }
  }

  typing(): void {
    this.typingUntil = Date.now() + TYPING_MS
  }

  /** Takes in an event about this conversation; true if something that only the host knows has changed. */
  apply(event: LiveEvent): boolean {
    switch (event.kind) {
      case 'message.sent':
        if (event.message) this.take(event.message)
        return !event.message
      case 'message.recalled':
        if (event.message) this.recall(event.message)
        return !event.message
      case 'messages.read': {
        const number = event.number ?? 0
        if (event.mine) {
          this.info.officer_read = Math.max(this.info.officer_read, number)
          if (number >= this.info.last_number) this.info.unread = 0
        } else this.info.taxpayer_read = Math.max(this.info.taxpayer_read, number)
        return false
      }
      default:
        return event.kind.startsWith('conversation.')
    }
  }

  /** The person has these messages before their eyes. */
  read(): void {
    const number = this.whole
    if (!this.loaded || this.info.state !== 'active' || number <= Math.max(this.marked, this.info.officer_read)) return
    this.marked = number
    this.info.unread = 0
    api
      .PUT('/api/v1/conversations/{conversation}/read-mark', { params: { path: { conversation: this.id } }, body: { number } })
      .then(() => (this.info.officer_read = Math.max(this.info.officer_read, number)))
      .catch(() => (this.marked = 0))
  }
}
