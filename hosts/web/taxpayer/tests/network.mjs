// The network of one browser: a proxy before the host, which can be cut where it hurts. Pages keep the host's own address.
import { createServer, request } from 'node:http'
import { connect } from 'node:net'

export function network() {
  const server = createServer((asked, answer) => {
    const onward = request(asked.url, { method: asked.method, headers: asked.headers }, (got) => {
      answer.writeHead(got.statusCode, got.headers)
      got.pipe(answer)
    })
    onward.on('error', () => answer.destroy())
    asked.pipe(onward)
  })
  let cutting = false
  let cuts = 0
  // Over plain HTTP a browser asks for a tunnel only where it opens a socket.
  server.on('connect', (asked, socket, head) => {
    const [hostname, port] = asked.url.split(':')
    const onward = connect(port, hostname, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      onward.write(head)
      socket.pipe(onward)
      onward.on('data', (some) => {
        if (!cutting) return socket.write(some)
        cutting = false
        cuts++
        socket.write(some.subarray(0, some.length >> 1), () => socket.destroy())
        onward.destroy()
      })
      onward.on('close', () => socket.destroy())
    })
    onward.on('error', () => socket.destroy())
    socket.on('error', () => onward.destroy())
  })
  /** `cut`: in the middle of what the host says next, the socket ends. */
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve({ url: `http://127.0.0.1:${server.address().port}`, close: () => (server.closeAllConnections(), server.close()), cut: () => (cutting = true), cuts: () => cuts })))
}
