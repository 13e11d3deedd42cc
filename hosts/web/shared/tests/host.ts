import { TicketRefused, type LiveEvent, type Socket, type Transport } from '../src'

/** A socket of the made-up host below. */
export class FakeSocket implements Socket {
  onopen: (() => void) | null = null
  onmessage: ((text: string) => void) | null = null
  onclose: ((code: number) => void) | null = null
  readonly sent: { type: string; conversation?: string }[] = []
  closed = false

  constructor(
    readonly ticket: string,
    readonly cursor: string | null,
  ) {}

  send(text: string): void {
    this.sent.push(JSON.parse(text))
  }

  close(): void {
    this.closed = true
  }

  say(frame: object): void {
    this.onmessage?.(JSON.stringify(frame))
  }

  end(code = 1006): void {
    this.closed = true
    this.onclose?.(code)
  }
}

/** A host with a journal; what it says after a cursor is what it had not said. */
export class FakeHost implements Transport {
  readonly sockets: FakeSocket[] = []
  readonly journal: LiveEvent[] = []
  tickets = 0
  refuse: TicketRefused | Error | null = null
  mute = false

  async ticket(): Promise<string> {
    this.tickets++
    if (this.refuse) throw this.refuse
    return `ticket-${this.tickets}`
  }

  open(ticket: string, cursor: string | null): FakeSocket {
    const socket = new FakeSocket(ticket, cursor)
    this.sockets.push(socket)
    if (!this.mute) queueMicrotask(() => this.greet(socket))
    return socket
  }

  private greet(socket: FakeSocket): void {
    const from = socket.cursor === null ? this.journal.length : this.journal.findIndex((e) => e.cursor === socket.cursor) + 1
    socket.say({ type: 'hello', cursor: socket.cursor ?? this.journal.at(-1)?.cursor ?? '0.0' })
    for (const event of this.journal.slice(from)) socket.say({ type: 'event', event })
  }

  get last(): FakeSocket {
    return this.sockets.at(-1)!
  }

  /** Something happens, and whoever is connected is told. */
  happen(number: number): void {
    const event = { cursor: `${number}.1`, kind: 'message.sent', number } as unknown as LiveEvent
    this.journal.push(event)
    if (this.sockets.length && !this.last.closed) this.last.say({ type: 'event', event })
  }
}
