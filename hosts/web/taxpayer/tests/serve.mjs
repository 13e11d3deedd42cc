// Serves the built H5 as the host will: under /taxpayer/, with the host's content policy, its API beside it.
import { createReadStream, existsSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { connect } from 'node:net'
import { dirname, extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'

const built = join(dirname(fileURLToPath(import.meta.url)), '../dist/build/h5')
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.json': 'application/json' }
/** As hosts/server/src/security_headers.rs. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; require-trusted-types-for 'script'"

export function serve(host) {
  const { hostname, port } = new URL(host)
  const server = createServer((asked, answer) => {
    if (asked.url.startsWith('/api/')) {
      const onward = request({ hostname, port, path: asked.url, method: asked.method, headers: asked.headers }, (got) => {
        answer.writeHead(got.statusCode, got.headers)
        got.pipe(answer)
      })
      onward.on('error', () => answer.writeHead(502).end())
      asked.pipe(onward)
      return
    }
    const path = normalize(decodeURIComponent(asked.url.split('?')[0]))
    const name = path === '/taxpayer/' || path === '/taxpayer' ? 'index.html' : path.replace(/^\/taxpayer\//, '')
    const file = join(built, name)
    if (!path.startsWith('/taxpayer') || !existsSync(file)) return answer.writeHead(404).end()
    answer.writeHead(200, { 'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream', 'Content-Security-Policy': POLICY, 'X-Content-Type-Options': 'nosniff' })
    createReadStream(file).pipe(answer)
  })
  let cutting = false
  let cuts = 0
  server.on('upgrade', (asked, socket, head) => {
    const onward = connect(port, hostname, () => {
      const headers = Object.entries(asked.headers).map(([name, value]) => `${name}: ${value}\r\n`)
      onward.write(`GET ${asked.url} HTTP/1.1\r\n${headers.join('')}\r\n`)
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
  /** `cut`: in the middle of what the host says next, a socket ends. */
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve({ url: `http://127.0.0.1:${server.address().port}`, close: () => server.close(), cut: () => (cutting = true), cuts: () => cuts })))
}
