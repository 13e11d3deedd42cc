import type { Socket } from '@shared/index'

/** `uni.connectSocket` as the realtime client wants it. */
export function uniSocket(url: string): Socket {
  const socket: Socket = { send: () => {}, close: () => {}, onopen: null, onmessage: null, onclose: null }
  let ended = false
  const end = (code: number) => {
    if (ended) return
    ended = true
    socket.onclose?.(code)
  }
  const task = uni.connectSocket({ url, complete: () => {} })
  socket.send = (text) => task.send({ data: text })
  socket.close = () => task.close({})
  task.onOpen(() => socket.onopen?.())
  task.onMessage(({ data }) => socket.onmessage?.(String(data)))
  // A socket that could not be opened says so by an error alone on some phones.
  task.onError(() => end(1006))
  task.onClose((closed: { code?: number }) => end(closed.code ?? 1006))
  return socket
}
