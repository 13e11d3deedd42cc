import { backoff } from './backoff'
import { isLater } from './cursor'
import { parseFrame, type ActorKind, type Frame, type LiveEvent, type Position } from './frames'
import { TicketRefused, type Socket, type Transport } from './socket'

export type LiveState = 'connecting' | 'here' | 'away' | 'over'

/** What a page does about what happens. */
export interface LiveHandlers {
  state?(state: LiveState): void
  /**
   * Connected, for the first time or again. Read the present state here: what is over while one was away is no longer
   * told.
   */
  hello?(): void | Promise<void>
  /** Once per event, in order; the next one waits until this is done. */
  event?(event: LiveEvent): void | Promise<void>
  typing?(conversation: string, who: ActorKind): void
  position?(position: Position): void
}

export interface LiveOptions {
  /** Continue behind this place, as after a mini-program was asleep. */
  cursor?: string | null
  random?: () => number
}

const FIRST_WAIT_MS = 400
const MOST_WAIT_MS = 30_000
/** A socket that has not said hello by then is given up; its ticket lives for 30 s. */
const HELLO_WITHIN_MS = 15_000
const PING_EVERY_MS = 20_000
/** The host pings every 20 s: silence of this length is a dead line. */
const SILENCE_MS = 75_000
/** Frames that may wait for the page. More means that it is too slow: let go, and continue from what it has handled. */
const WAITING_MAX = 2_000
const SEEN_MAX = 5_000
/** The host takes 5 frames a second; "typing" is worth one in this time. */
const TYPING_EVERY_MS = 3_000
/** So many sockets in a row without a hello, and the place is given up: one that the host no longer takes must not keep us out. */
const FORGET_PLACE_AFTER = 5
/** The host's close code for too many frames or sockets. */
const TOO_MANY = 4029
const TOO_MANY_WAIT_MS = 20_000

/**
 * Live events over a socket that comes back by itself: continues behind the last event that was handled, misses none
 * and hands over none twice.
 */
export class Live {
  private cursor: string | null
  private readonly seen = new Set<string>()
  private readonly waiting: Frame[] = []
  private readonly typed = new Map<string, number>()
  private readonly random: () => number
  private socket: Socket | null = null
  private greeted = false
  private running = false
  private asking = false
  private handling = false
  private slow = false
  private failures = 0
  private unanswered = 0
  private heard = 0
  private again: ReturnType<typeof setTimeout> | undefined
  private pulse: ReturnType<typeof setInterval> | undefined

  constructor(
    private readonly transport: Transport,
    private readonly on: LiveHandlers,
    options: LiveOptions = {},
  ) {
    this.cursor = options.cursor ?? null
    this.random = options.random ?? Math.random
  }

  /** Where to continue: the last event that was handled. */
  get place(): string | null {
    return this.cursor
  }

  start(): void {
    if (this.running) return
    this.running = true
    this.failures = this.unanswered = 0
    this.pulse = setInterval(() => this.beat(), PING_EVERY_MS)
    this.on.state?.('connecting')
    void this.open()
  }

  stop(): void {
    this.running = this.slow = false
    clearTimeout(this.again)
    clearInterval(this.pulse)
    this.waiting.length = 0
    this.drop()
  }

  /** The network is back, or somebody looks at the page again: do not wait any longer. */
  wake(): void {
    if (!this.running || this.socket || this.asking) return
    clearTimeout(this.again)
    void this.open()
  }

  typing(conversation: string): void {
    const now = Date.now()
    if (!this.greeted || now - (this.typed.get(conversation) ?? -TYPING_EVERY_MS) < TYPING_EVERY_MS) return
    this.typed.set(conversation, now)
    this.send({ type: 'typing', conversation })
  }

  private async open(): Promise<void> {
    if (!this.running || this.socket || this.asking || this.slow) return
    this.asking = true
    let ticket: string
    try {
      ticket = await this.transport.ticket()
    } catch (refused) {
      if (!this.running) return
      if (!(refused instanceof TicketRefused)) this.lost()
      else if (refused.over) this.over()
      else this.lost(refused.retryAfterMs)
      return
    } finally {
      this.asking = false
    }
    if (!this.running) return
    const socket = this.transport.open(ticket, this.cursor)
    this.socket = socket
    this.heard = Date.now()
    const late = setTimeout(() => socket === this.socket && !this.greeted && this.lost(), HELLO_WITHIN_MS)
    socket.onmessage = (text) => socket === this.socket && this.take(text)
    socket.onclose = (code) => {
      clearTimeout(late)
      if (socket !== this.socket) return
      // What came before the end is handled; the next socket continues behind it.
      this.lost(code === TOO_MANY ? TOO_MANY_WAIT_MS : 0)
    }
  }

  private take(text: string): void {
    this.heard = Date.now()
    const frame = parseFrame(text)
    if (!frame || frame.type === 'ping') return
    if (frame.type === 'hello') {
      this.greeted = true
      this.failures = this.unanswered = 0
    }
    if (this.waiting.length >= WAITING_MAX) {
      this.slow = true
      this.lost()
      return
    }
    this.waiting.push(frame)
    if (!this.handling) void this.handle()
  }

  /** One frame after the other. A frame that the page could not handle was handed over all the same: it is not lost twice. */
  private async handle(): Promise<void> {
    this.handling = true
    for (let frame = this.waiting.shift(); frame; frame = this.waiting.shift()) {
      try {
        await this.hand(frame)
      } catch (error) {
        console.error(error)
      }
    }
    this.handling = false
    // A page that was too slow is given more when it is done with what it has, not before.
    if (!this.slow) return
    this.slow = false
    this.wake()
  }

  private hand(frame: Frame): void | Promise<void> {
    switch (frame.type) {
      case 'hello':
        this.cursor ??= frame.cursor
        if (this.greeted) this.on.state?.('here')
        return this.on.hello?.()
      case 'event': {
        const { cursor } = frame.event
        if (this.seen.has(cursor)) return
        this.seen.add(cursor)
        for (const oldest of this.seen) {
          if (this.seen.size <= SEEN_MAX) break
          this.seen.delete(oldest)
        }
        if (this.cursor === null || isLater(cursor, this.cursor)) this.cursor = cursor
        return this.on.event?.(frame.event)
      }
      case 'typing':
        return this.on.typing?.(frame.conversation, frame.who)
      case 'position':
        return this.on.position?.(frame.position)
    }
  }

  private beat(): void {
    if (!this.greeted) return
    if (Date.now() - this.heard > SILENCE_MS) this.lost()
    else this.send({ type: 'ping' })
  }

  private send(said: object): void {
    try {
      this.socket?.send(JSON.stringify(said))
    } catch {
      this.lost() // closing, and has not said so yet
    }
  }

  private lost(least = 0): void {
    if (this.socket && !this.greeted && ++this.unanswered % FORGET_PLACE_AFTER === 0) this.cursor = null
    this.drop()
    if (!this.running) return
    if (this.failures++ === 0) this.on.state?.('away')
    clearTimeout(this.again)
    const wait = Math.max(least, backoff(this.failures - 1, FIRST_WAIT_MS, MOST_WAIT_MS, this.random))
    this.again = setTimeout(() => void this.open(), wait)
  }

  private over(): void {
    this.stop()
    this.on.state?.('over')
  }

  /** Lets the socket go. What it has said already is handled still, and the next one continues behind that. */
  private drop(): void {
    const socket = this.socket
    this.socket = null
    this.greeted = false
    socket?.close()
  }
}
