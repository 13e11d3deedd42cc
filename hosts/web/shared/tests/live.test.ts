import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { Live, TicketRefused, backoff, isLater, uuid7, type LiveEvent, type LiveState } from '../src'
import { FakeHost } from './host'

let host: FakeHost
let live: Live
let got: number[]
let states: LiveState[]
let hellos: number

/** Lets everything that is due within `ms` happen. */
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)

function begin(event: (e: LiveEvent) => void | Promise<void> = () => {}): void {
  live = new Live(
    host,
    {
      state: (s) => states.push(s),
      hello: () => void hellos++,
      event: (e) => {
        got.push(e.number!)
        return event(e)
      },
    },
    { random: () => 1 },
  )
  live.start()
}

beforeEach(() => {
  vi.useFakeTimers()
  host = new FakeHost()
  got = []
  states = []
  hellos = 0
})

afterEach(() => {
  live?.stop()
  vi.useRealTimers()
})

describe('resuming', () => {
  it('loses nothing and doubles nothing over a cut', async () => {
    begin()
    await pass(0)
    host.happen(1)
    host.happen(2)
    await pass(0)
    host.last.end()
    host.happen(3)
    host.happen(4)
    await pass(400)
    host.happen(5)
    await pass(0)
    expect(host.last.cursor).toBe('2.1')
    expect(got).toEqual([1, 2, 3, 4, 5])
    expect(states).toEqual(['connecting', 'here', 'away', 'here'])
    expect(hellos).toBe(2)
  })

  it('ignores a cursor that it has handled, from whichever socket', async () => {
    begin()
    await pass(0)
    host.happen(1)
    await pass(0)
    host.last.say({ type: 'event', event: host.journal[0]! })
    await pass(0)
    expect(got).toEqual([1])
  })

  it('hands over an event that comes late, and does not go back behind it', async () => {
    begin()
    await pass(0)
    host.happen(9)
    host.happen(7)
    await pass(0)
    expect(got).toEqual([9, 7])
    expect(live.place).toBe('9.1')
  })

  it('begins where hello says, if nothing has come yet', async () => {
    host.happen(41)
    begin()
    await pass(0)
    host.last.end()
    host.happen(42)
    await pass(400)
    expect(host.last.cursor).toBe('41.1')
    expect(got).toEqual([42])
  })

  it('takes what a cut socket still delivers for nothing', async () => {
    begin()
    await pass(0)
    const old = host.last
    old.end()
    old.say({ type: 'event', event: { cursor: '1.1', number: 1 } })
    await pass(0)
    expect(got).toEqual([])
  })
})

describe('backing off', () => {
  it('waits longer each time, up to half a minute, and at once less after a hello', async () => {
    host.refuse = new Error('no network')
    begin()
    await pass(0)
    for (const wait of [400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]) {
      const asked = host.tickets
      await pass(wait - 1)
      expect(host.tickets).toBe(asked)
      await pass(1)
      expect(host.tickets).toBe(asked + 1)
    }
    host.refuse = null
    await pass(30_000)
    expect(states).toEqual(['connecting', 'away', 'here'])
    host.last.end()
    const asked = host.tickets
    await pass(400)
    expect(host.tickets).toBe(asked + 1)
  })

  it('keeps its place however long the network is away', async () => {
    begin()
    await pass(0)
    host.happen(1)
    await pass(0)
    host.refuse = new Error('no network')
    host.last.end()
    host.happen(2)
    await pass(600_000)
    host.refuse = null
    await pass(30_000)
    expect(got).toEqual([1, 2])
  })

  it('has chance in it', () => {
    expect(backoff(0, 400, 30_000, () => 0)).toBe(240)
    expect(backoff(0, 400, 30_000, () => 1)).toBe(400)
    expect(backoff(99, 400, 30_000, () => 1)).toBe(30_000)
  })

  it('waits as long as the host asks', async () => {
    host.refuse = new TicketRefused(false, 7_000)
    begin()
    await pass(6_999)
    expect(host.tickets).toBe(1)
    await pass(1)
    expect(host.tickets).toBe(2)
  })

  it('gives a host that has too many sockets time', async () => {
    begin()
    await pass(0)
    host.last.end(4029)
    await pass(19_999)
    expect(host.sockets.length).toBe(1)
    await pass(1)
    expect(host.sockets.length).toBe(2)
  })

  it('does not wait once the network is back', async () => {
    host.refuse = new Error('no network')
    begin()
    await pass(10_000)
    host.refuse = null
    live.wake()
    await pass(0)
    expect(states.at(-1)).toBe('here')
    live.wake()
    await pass(0)
    expect(host.sockets.length).toBe(1)
  })
})

describe('tickets', () => {
  it('asks for a new one for each socket', async () => {
    begin()
    await pass(0)
    host.last.end()
    await pass(400)
    expect(host.sockets.map((s) => s.ticket)).toEqual(['ticket-1', 'ticket-2'])
  })

  it('gives up a socket that says no hello, and asks again', async () => {
    host.mute = true
    begin()
    await pass(15_000)
    expect(host.sockets[0]!.closed).toBe(true)
    host.mute = false
    await pass(400)
    expect(host.last.ticket).toBe('ticket-2')
    expect(states.at(-1)).toBe('here')
  })

  it('forgets a place that no socket takes', async () => {
    begin()
    await pass(0)
    host.happen(1)
    await pass(0)
    host.mute = true
    host.last.end()
    for (let i = 0; i < 5; i++) {
      await pass(30_000)
      host.last.end()
    }
    await pass(30_000)
    expect(host.last.cursor).toBe(null)
  })

  it('ends with the session', async () => {
    begin()
    await pass(0)
    host.refuse = new TicketRefused(true)
    host.last.end(1008)
    await pass(120_000)
    expect(states).toEqual(['connecting', 'here', 'away', 'over'])
    expect(host.tickets).toBe(2)
  })
})

describe('a slow page', () => {
  it('handles one event after the other, and continues from what it has handled', async () => {
    let release = () => {}
    const busy = new Promise<void>((done) => (release = done))
    begin((e) => (e.number === 1 ? busy : undefined))
    await pass(0)
    for (let i = 1; i <= 2_500; i++) host.happen(i)
    await pass(120_000)
    expect(got).toEqual([1])
    expect(host.sockets.map((s) => s.closed)).toEqual([true])
    release()
    await pass(0)
    expect(host.last.cursor).toBe('2001.1')
    await pass(120_000)
    expect(got).toEqual(Array.from({ length: 2_500 }, (_, i) => i + 1))
  })

  it('goes on after an event that the page could not handle', async () => {
    const told = vi.spyOn(console, 'error').mockImplementation(() => {})
    begin((e) => {
      if (e.number === 1) throw new Error('page')
    })
    await pass(0)
    host.happen(1)
    host.happen(2)
    await pass(0)
    expect(got).toEqual([1, 2])
    expect(told).toHaveBeenCalledOnce()
    told.mockRestore()
  })
})

describe('a quiet line', () => {
  it('is pinged, and given up when nothing comes', async () => {
    begin()
    await pass(20_000)
    expect(host.last.sent).toEqual([{ type: 'ping' }])
    await pass(60_000)
    expect(host.sockets[0]!.closed).toBe(true)
    await pass(400)
    expect(host.sockets.length).toBe(2)
  })

  it('stays while the host pings', async () => {
    begin()
    for (let i = 0; i < 30; i++) {
      await pass(20_000)
      host.last.say({ type: 'ping' })
    }
    expect(host.sockets.length).toBe(1)
  })
})

describe('what a page says', () => {
  it('says typing once in three seconds per conversation', async () => {
    begin()
    await pass(0)
    for (let i = 0; i < 5; i++) live.typing('a')
    live.typing('b')
    await pass(3_000)
    live.typing('a')
    expect(host.last.sent.map((s) => s.conversation)).toEqual(['a', 'b', 'a'])
  })

  it('says nothing after it was stopped, and comes back no more', async () => {
    begin()
    await pass(0)
    live.stop()
    live.typing('a')
    await pass(120_000)
    expect(host.sockets.length).toBe(1)
    expect(host.last.sent).toEqual([])
  })
})

describe('small parts', () => {
  it('compares cursors beyond the safe integers', () => {
    expect(isLater('9007199254740993.2', '9007199254740993.1')).toBe(true)
    expect(isLater('10.0', '9.9')).toBe(true)
    expect(isLater('9.9', '9.9')).toBe(false)
    expect(isLater('0.0', '0.1')).toBe(false)
  })

  it('makes keys in order of time', () => {
    const early = uuid7(undefined, 1_000)
    const late = uuid7(undefined, 2_000_000_000_000)
    expect(early).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(early < late).toBe(true)
  })

  it('knows frames from noise', async () => {
    begin()
    await pass(0)
    for (const noise of ['', '{', 'null', '[]', '{"type":1}', '{"type":"later"}']) host.last.onmessage?.(noise)
    host.happen(1)
    await pass(0)
    expect(got).toEqual([1])
  })
})
