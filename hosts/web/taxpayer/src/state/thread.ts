import { act, get, put } from '@/api/call'
import type { Conversation, LiveEvent, Message, Position } from '@/api/types'
import { outbox, type Unsent } from './outbox'

const PAGE = 100
const TYPING_MS = 6_000

/** One conversation as known here. Messages are kept by number, so that none is there twice and a gap shows. */
export class Thread {
  messages = new Map<number, Message>()
  position: Position | null = null
  typing = false
  loaded = false
  /** All numbers up to this one are here. */
  private complete = 0
  private filling: Promise<void> | null = null
  private marked = 0
  private typingEnds: ReturnType<typeof setTimeout> | undefined

  constructor(public info: Conversation) {}

  get id(): string {
    return this.info.id
  }

  get open(): boolean {
    return this.info.state === 'waiting' || this.info.state === 'active'
  }

  get unread(): number {
    return Math.max(0, this.info.last_number - this.info.taxpayer_read)
  }

  get draft(): string {
    return outbox.drafts[this.id] ?? ''
  }

  /** Kept over a reload. */
  set draft(text: string) {
    outbox.write(this.id, text)
  }

  get inOrder(): Message[] {
    return [...this.messages.values()].sort((a, b) => a.number - b.number)
  }

  get unsent(): Unsent[] {
    const here = new Set([...this.messages.values()].map((m) => m.client_id))
    return outbox.of(this.id).filter((i) => !here.has(i.key))
  }

  /** Reads the present state. */
  async refresh(): Promise<void> {
    this.update(await get('/api/v1/conversations/{conversation}', { path: { conversation: this.id } }))
    if (this.loaded) await this.fill()
    if (this.info.state === 'waiting') await this.place()
  }

  /** Asked once; from then on the host tells it whenever it changes. */
  private async place(): Promise<void> {
    this.position = await get('/api/v1/conversations/{conversation}/position', { path: { conversation: this.id } })
  }

  /** What is known already from events is never taken back by an older answer. */
  update(info: Conversation): void {
    const old = this.info
    const over = !this.open && (info.state === 'waiting' || info.state === 'active')
    const kept = over ? { state: old.state, outcome: old.outcome, ended_at: old.ended_at } : {}
    this.info = {
      ...info,
      ...kept,
      last_number: Math.max(old.last_number, info.last_number),
      taxpayer_read: Math.max(old.taxpayer_read, info.taxpayer_read),
      officer_read: Math.max(old.officer_read, info.officer_read),
    }
  }

  async load(): Promise<void> {
    this.loaded = true
    await this.refresh()
  }

  /** Fetches what comes after the last number without a gap, until there is nothing more. */
  private fill(): Promise<void> {
    this.filling ??= this.fetchOn().finally(() => (this.filling = null))
    return this.filling
  }

  private async fetchOn(): Promise<void> {
    for (;;) {
      const before = this.complete
      const query = { after: before, limit: PAGE }
      const { items } = await get('/api/v1/conversations/{conversation}/messages', { path: { conversation: this.id }, query })
      items.forEach((message) => this.keep(message))
      const whole = items.length < PAGE && this.complete >= this.info.last_number
      if (whole || this.complete === before) return
    }
  }

  private keep(message: Message): void {
    if (!this.messages.has(message.number)) this.messages.set(message.number, message)
    while (this.messages.has(this.complete + 1)) this.complete++
    this.info.last_number = Math.max(this.info.last_number, message.number)
    if (message.mine && message.client_id) outbox.drop(message.client_id)
  }

  /** Takes in a message that was just sent, by whomever. */
  take(message: Message): void {
    // Whoever writes has read what was written before.
    const reader = message.sender === 'taxpayer' ? 'taxpayer_read' : 'officer_read'
    this.info[reader] = Math.max(this.info[reader], message.number)
    if (!message.mine) this.typing = false
    this.keep(message)
    if (this.loaded && this.complete < this.info.last_number) void this.fill().catch(() => {})
  }

  /** Takes in a message that its sender recalled: its text is gone, its place stays. */
  recalled(message: Message): void {
    if (this.messages.has(message.number)) this.messages.set(message.number, message)
    for (const m of this.messages.values()) {
      if (m.quoted?.number === message.number) m.quoted = { ...m.quoted, excerpt: message.text, recalled: true }
    }
  }

  async recall(number: number): Promise<void> {
    await act('/api/v1/conversations/{conversation}/recall', { path: { conversation: this.id }, body: { number } })
  }

  /** Takes in an event; true if something that only the host knows has changed. */
  apply(event: LiveEvent): boolean {
    switch (event.kind) {
      case 'message.sent':
        if (event.message) this.take(event.message)
        return !event.message
      case 'message.recalled':
        if (event.message) this.recalled(event.message)
        return !event.message
      case 'messages.read': {
        const reader = event.mine ? 'taxpayer_read' : 'officer_read'
        this.info[reader] = Math.max(this.info[reader], event.number ?? 0)
        return false
      }
      default:
        return true
    }
  }

  isTyping(): void {
    this.typing = true
    clearTimeout(this.typingEnds)
    this.typingEnds = setTimeout(() => (this.typing = false), TYPING_MS)
  }

  /** The person has these messages before their eyes. */
  read(): void {
    const number = this.complete
    if (!this.loaded || !number || number <= this.marked || number <= this.info.taxpayer_read) return
    this.marked = number
    this.info.taxpayer_read = number
    put('/api/v1/conversations/{conversation}/read-mark', { path: { conversation: this.id }, body: { number } }).catch(() => (this.marked = 0))
  }
}
