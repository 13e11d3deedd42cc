import type { components } from './api'

export type LiveEvent = components['schemas']['LiveEvent']
export type Position = components['schemas']['Position']
export type ActorKind = components['schemas']['ActorKind']

/** What the host says over the socket; `hosts/server/src/live.rs` has the same list. */
export type Frame =
  | { type: 'hello'; cursor: string }
  | { type: 'event'; event: LiveEvent }
  | { type: 'typing'; conversation: string; who: ActorKind }
  | { type: 'position'; position: Position }
  | { type: 'ping' }

/** Frames of a newer host that this client does not know are null, as is what is no frame. */
export function parseFrame(text: string): Frame | null {
  let frame: { type?: unknown } | null
  try {
    frame = JSON.parse(text)
  } catch {
    return null
  }
  const known = ['hello', 'event', 'typing', 'position', 'ping']
  return frame && typeof frame.type === 'string' && known.includes(frame.type) ? (frame as Frame) : null
}
