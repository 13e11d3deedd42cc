/** What a realtime client needs of a WebSocket: a browser's and `uni.connectSocket` both come down to it. */
export interface Socket {
  send(text: string): void
  close(): void
  onopen: (() => void) | null
  onmessage: ((text: string) => void) | null
  /** Also after a failure to open. */
  onclose: ((code: number) => void) | null
}

/** How one gets to the host. */
export interface Transport {
  /** A fresh one-time ticket of `POST /api/v1/socket-tickets`. Fails with a `TicketRefused`, or anything for "try again". */
  ticket(): Promise<string>
  /** Opens `/api/v1/events?ticket=..&cursor=..`. */
  open(ticket: string, cursor: string | null): Socket
}

/** The host's answer to the wish for a ticket, as far as it matters here. */
export class TicketRefused extends Error {
  constructor(
    /** The session is over, or has a duty first: trying again is of no use. */
    readonly over: boolean,
    readonly retryAfterMs = 0,
  ) {
    super('ticket refused')
  }
}

/** A browser's WebSocket. */
export function browserSocket(url: string): Socket {
  const web = new WebSocket(url)
  const socket: Socket = {
    send: (text) => web.send(text),
    close: () => web.close(),
    onopen: null,
    onmessage: null,
    onclose: null,
  }
  web.onopen = () => socket.onopen?.()
  web.onmessage = ({ data }) => socket.onmessage?.(String(data))
  web.onclose = ({ code }) => socket.onclose?.(code)
  return socket
}
