import { computed, reactive, shallowReactive } from 'vue'

import { Live, TicketRefused, browserSocket, type LiveEvent, type LiveState, type components, type Transport } from '@shared'

import { act, answer, api } from '../api/http'
import { me } from '../api/me'
import { Problem } from '../api/problem'
import { kept, session } from '../api/session'
import { text } from '../text'
import { attention } from './attention'
import { Outbox, type Unsent } from './outbox'
import { Thread } from './thread'

type Schemas = components['schemas']

/** Who takes a break, as this tab remembers it. */
const IN_BREAK = 'in_break'
/** When their shift ends. */
const SHIFT_ENDS = 'shift_ends'
const PRESENCE_EVERY_MS = 20_000
const LINES_AFTER_MS = 150
/** Who is on duty changes lines, and is no event. */
const LINES_EVERY_MS = 15_000
const PEEKS_AT_ONCE = 3
const OWN_PAGES_MAX = 5
const OPENED = 'conversation'

const transport: Transport = {
  async ticket() {
    try {
      return (await answer(api.POST('/api/v1/socket-tickets'))).ticket
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem
      throw new TicketRefused(problem.status === 401 || problem.status === 403, (problem.retryAfterS ?? 0) * 1000)
    }
  },
  open(ticket, cursor) {
    const url = new URL('/api/v1/events', location.href)
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
    url.searchParams.set('ticket', ticket)
    if (cursor) url.searchParams.set('cursor', cursor)
    return browserSocket(url.href)
  },
}

/** What an officer works with: lines, offers, own conversations; kept current while one is signed in, whatever page is open. */
export const desk = reactive({
  state: 'connecting' as LiveState,
  lines: [] as Schemas['LineView'][],
  linesFailed: null as unknown,
  linesRead: false,
  offers: [] as Schemas['OfferView'][],
  /** Whether what waits may be offered, unasked. */
  takesOffers: true,
  /** When the officer's shift ends, as they said. */
  shiftEnds: null as string | null,
  /** Conversations of others about which a colleague asks. */
  asked: [] as string[],
  recent: [] as Schemas['ConversationView'][],
  mineRead: false,
  mineFailed: null as unknown,
  currentId: null as string | null,
  outbox: null as Outbox | null,
  /** A message that waits for its writer to say that it is meant. */
  warned: null as Unsent | null,
  /** Counts up with each remark that somebody writes beside a conversation. */
  whispered: 0,
})

/** Conversations that are, or in this sitting were, the officer's own. */
export const threads = shallowReactive(new Map<string, Thread>())

let live: Live | null = null
let presence: ReturnType<typeof setInterval> | undefined
let lineClock: ReturnType<typeof setInterval> | undefined
let linesSoon: ReturnType<typeof setTimeout> | undefined
let listeners: ((event: LiveEvent) => void)[] = []

/** Own conversations that go on, in the order in which they began. */
export const mine = computed(() =>
  [...threads.values()]
    .filter((t) => t.info.state === 'active')
    .sort((a, b) => (a.info.claimed_at ?? a.info.entered_at).localeCompare(b.info.claimed_at ?? b.info.entered_at)),
)
export const current = computed(() => (desk.currentId ? (threads.get(desk.currentId) ?? null) : null))
export const unread = computed(() => mine.value.reduce((sum, t) => sum + t.unread, 0))

/** Other pages look at what happens too. Answers how to stop. */
export function onEvent(listener: (event: LiveEvent) => void): () => void {
  listeners.push(listener)
  return () => (listeners = listeners.filter((l) => l !== listener))
}

export function begin(): void {
  if (!me.is?.officer) return
  desk.takesOffers = kept.get(IN_BREAK) !== me.is.officer
  const [whose, ends] = kept.get(SHIFT_ENDS)?.split(' ') ?? []
  // A shift of yesterday is over, and would keep everything from being offered today.
  desk.shiftEnds = whose === me.is.officer && ends && Date.parse(ends) > Date.now() ? ends : null
  desk.outbox = Outbox.of(me.is.officer, (id, message) => threads.get(id)?.sent(message), (item) => (desk.warned = item))
  live?.stop()
  live = new Live(transport, { state: turned, hello, event: happened, typing: (id, who) => who === 'taxpayer' && threads.get(id)?.typing() })
  live.start()
  presence = setInterval(bePresent, PRESENCE_EVERY_MS)
  lineClock = setInterval(() => desk.state === 'here' && readLines(), LINES_EVERY_MS)
  window.addEventListener('online', wake)
  document.addEventListener('visibilitychange', wake)
  desk.outbox.resume()
}

export function end(): void {
  live?.stop()
  desk.outbox?.end()
  live = null
  clearInterval(presence)
  clearInterval(lineClock)
  clearTimeout(linesSoon)
  window.removeEventListener('online', wake)
  document.removeEventListener('visibilitychange', wake)
  attention.still()
  threads.clear()
  Object.assign(desk, { state: 'connecting', lines: [], linesRead: false, offers: [], asked: [], recent: [], mineRead: false, currentId: null, outbox: null, warned: null })
}

function wake(): void {
  if (document.visibilityState === 'visible') live?.wake()
}

function turned(state: LiveState): void {
  desk.state = state
  // A refused ticket may be a duty; signing in again leads to it.
  if (state === 'over' && session.token) session.end(text.signIn.over)
}

/** Connected, for the first time or again: read how things stand. Not waited for: events go on meanwhile. */
function hello(): void {
  bePresent()
  desk.outbox?.resume()
  void readLines()
  void readOffers()
  void readMine()
}

function bePresent(): void {
  if (!me.can('interaction.be_present')) return
  const query = { offers: String(desk.takesOffers), ...(desk.shiftEnds && { until: desk.shiftEnds }) }
  api.PUT('/api/v1/me/presence', { params: { query } }).catch(() => {}) // the next beat says it again
}

/** In a break nothing is offered; until one signs out, or says so again. */
export function toggleOffers(): void {
  desk.takesOffers = !desk.takesOffers
  kept.set(IN_BREAK, desk.takesOffers ? null : (me.is?.officer ?? null))
  bePresent()
}

/** From then on nothing is offered; null where it is not known. */
export function setShiftEnd(ends: string | null): void {
  desk.shiftEnds = ends
  kept.set(SHIFT_ENDS, ends && me.is?.officer ? `${me.is.officer} ${ends}` : null)
  bePresent()
}

export async function readLines(): Promise<void> {
  try {
    desk.lines = (await answer(api.GET('/api/v1/lines'))).items
    desk.linesFailed = null
  } catch (problem) {
    desk.linesFailed = problem
  }
  desk.linesRead = true
}

async function readOffers(): Promise<void> {
  if (!me.can('interaction.offers')) return
  const { items } = await answer(api.GET('/api/v1/me/offers')).catch(() => ({ items: desk.offers }))
  for (const gone of desk.offers) if (!items.some((o) => o.conversation.id === gone.conversation.id)) attention.seen(gone.conversation.id)
  desk.offers = items
}

/** Newest first. What goes on may lie far behind what is over; once it is known here, it is read by itself. */
async function readOwn(): Promise<Schemas['ConversationView'][]> {
  const items: Schemas['ConversationView'][] = []
  let cursor: string | undefined
  for (let pages = desk.mineRead && !desk.mineFailed ? 1 : OWN_PAGES_MAX; pages; pages--) {
    const page = await answer(api.GET('/api/v1/me/conversations', { params: { query: { limit: 200, cursor } } }))
    items.push(...page.items)
    if (!page.cursor) break
    cursor = page.cursor
  }
  return items
}

export async function readMine(): Promise<void> {
  if (!me.can('interaction.mine')) return
  try {
    const items = await readOwn()
    const here = new Set(items.map((c) => c.id))
    for (const info of items) if (info.state === 'active' || threads.has(info.id)) threadOf(info)
    for (const thread of [...threads.values()]) {
      if (!here.has(thread.id)) thread.refresh().then(() => letGoUnlessMine(thread), lost(thread))
      else if (thread.loaded) thread.fill().catch(() => {}) // the next hello fills it
    }
    desk.recent = items.filter((c) => c.state === 'closed').slice(0, 20)
    desk.mineFailed = null
    void peek()
    const last = kept.get(OPENED)
    if (!desk.currentId && last && threads.has(last)) open(last)
  } catch (problem) {
    desk.mineFailed = problem
  }
  desk.mineRead = true
}

/** The last words of each conversation for the list, a few at a time. */
async function peek(): Promise<void> {
  const unseen = mine.value.filter((t) => !t.newest)
  while (unseen.length) await Promise.all(unseen.splice(0, PEEKS_AT_ONCE).map((t) => t.peek().catch(() => {}))) // a preview, no more
}

function threadOf(info: Schemas['ConversationView']): Thread {
  const known = threads.get(info.id)
  if (known) {
    known.update(info)
    return known
  }
  threads.set(info.id, Thread.of(info))
  return threads.get(info.id)!
}

function happened(event: LiveEvent): void {
  const { conversation: id, kind } = event
  if (kind.startsWith('line.') || kind === 'conversation.entered') {
    clearTimeout(linesSoon)
    linesSoon = setTimeout(readLines, LINES_AFTER_MS)
  }
  if (kind === 'conversation.offer_passed' || kind === 'conversation.claimed') void readOffers()
  if (kind === 'conversation.whispered' || kind === 'conversation.mentioned') desk.whispered++
  if (id) {
    const thread = threads.get(id)
    if (kind === 'conversation.mentioned' && !thread && !desk.asked.includes(id)) desk.asked.push(id)
    const changed = thread ? thread.apply(event) : kind === 'conversation.claimed' || kind === 'conversation.transferred' || kind === 'conversation.joined'
    if (changed) void readOne(id)
  }
  // An offer is told with who is in it.
  if (kind === 'conversation.offered') void readOffers().then(() => remind(event))
  else remind(event)
  for (const listener of listeners) listener(event)
}

async function readOne(id: string): Promise<void> {
  try {
    const info = await answer(api.GET('/api/v1/conversations/{conversation}', { params: { path: { conversation: id } } }))
    if (!isMine(info)) threads.delete(id)
    else {
      const thread = threadOf(info)
      if (info.state === 'closed' && !desk.recent.some((c) => c.id === id)) desk.recent = [info, ...desk.recent].slice(0, 20)
      if (thread.loaded) await thread.fill()
      else await thread.peek()
    }
  } catch (problem) {
    const thread = threads.get(id)
    if (thread) lost(thread)(problem)
  }
}

const isMine = (info: Schemas['ConversationView']): boolean => [info.staff_no, info.joined_staff_no].includes(me.is?.staff_no)

function letGoUnlessMine(thread: Thread): void {
  if (!isMine(thread.info)) threads.delete(thread.id)
}

/** What cannot be read because it is somebody else's affair now leaves the desk. */
const lost = (thread: Thread) => (problem: unknown) => {
  if (problem instanceof Problem && (problem.status === 404 || problem.status === 403)) threads.delete(thread.id)
}

function remind(event: LiveEvent): void {
  const { reminder, conversation } = event
  if (!reminder) return
  const info = conversation ? (threads.get(conversation)?.info ?? desk.offers.find((o) => o.conversation.id === conversation)?.conversation) : undefined
  const words = info ? `${info.taxpayer_name}：${info.topic}` : (desk.lines.find((l) => event.topic.endsWith(l.id))?.name ?? '')
  attention.remind(reminder, conversation ?? event.topic, words, () => conversation && threads.has(conversation) && open(conversation))
}

export function open(id: string | null): void {
  desk.currentId = id
  kept.set(OPENED, id)
  if (id) attention.seen(id)
}

export function typing(id: string): void {
  live?.typing(id)
}

/** The next in line becomes the caller's. */
export async function claim(line: string): Promise<void> {
  const { conversation } = await act(['claim', line], (header) => api.POST('/api/v1/lines/{line}/claims', { params: { path: { line }, header }, body: {} }))
  await taken(conversation)
}

export async function accept(conversation: string): Promise<void> {
  attention.seen(conversation)
  await act(['accept', conversation], (header) =>
    api.POST('/api/v1/conversations/{conversation}/accept', { params: { path: { conversation }, header }, body: {} }),
  ).finally(readOffers)
  await taken(conversation)
}

export async function decline(conversation: string): Promise<void> {
  attention.seen(conversation)
  await act(['decline', conversation], (header) =>
    api.POST('/api/v1/conversations/{conversation}/decline', { params: { path: { conversation }, header }, body: {} }),
  ).finally(readOffers)
}

async function taken(conversation: string): Promise<void> {
  threadOf(await answer(api.GET('/api/v1/conversations/{conversation}', { params: { path: { conversation } } })))
  open(conversation)
  void readLines()
}

/** Something was done to a conversation here: show how it stands at once. */
export const again = readOne
