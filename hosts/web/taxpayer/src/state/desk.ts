import { computed, reactive } from 'vue'
import { Live, type LiveState } from '@shared/index'
import { get } from '@/api/call'
import { Problem } from '@/api/problem'
import type { Conversation, LiveEvent } from '@/api/types'
import { transport } from '@/live/transport'
import { zh } from '@/text/zh'
import { attention } from './attention'
import { outbox } from './outbox'
import { Thread } from './thread'

/** What could not be read now is read at the next hello. */
function quietly(problem: unknown): void {
  if (!(problem instanceof Problem)) throw problem
}

/** The conversations of whoever is signed in, by id; kept up to date by live events. */
export const threads = reactive(new Map()) as Map<string, Thread>

/** What goes on around them. */
export const desk = reactive({
  link: 'connecting' as LiveState,
  owner: '',

  async begin(owner: string) {
    if (this.owner === owner) return
    this.owner = owner
    outbox.begin(owner)
    live.start()
    try {
      await this.readMine()
    } catch (problem) {
      this.owner = ''
      throw problem
    }
  },

  async readMine() {
    const { items } = await get('/api/v1/me/conversations', { query: { limit: 20 } })
    items.filter((c) => c.state === 'waiting' || c.state === 'active').forEach((c) => this.thread(c))
  },

  end() {
    this.owner = ''
    live.stop()
    threads.clear()
    outbox.end()
    attention.end()
  },

  /** The one thread of a conversation. */
  thread(info: Conversation): Thread {
    const known = threads.get(info.id)
    if (known) {
      known.update(info)
      return known
    }
    threads.set(info.id, new Thread(info))
    return threads.get(info.id)!
  },

  async open(conversation: string): Promise<Thread> {
    const known = threads.get(conversation)
    const thread = known ?? this.thread(await get('/api/v1/conversations/{conversation}', { path: { conversation } }))
    await thread.load()
    return thread
  },

  typing(conversation: string) {
    live.typing(conversation)
  },
})

outbox.onsent = (conversation, message) => threads.get(conversation)?.take(message)

/** Whoever is in line or talking, newest first. */
export const ongoing = computed(() =>
  [...threads.values()].filter((t) => t.open).sort((a, b) => (a.info.entered_at < b.info.entered_at ? 1 : -1)),
)

export const unread = computed(() => ongoing.value.reduce((sum, t) => sum + t.unread, 0))

/** Reads a conversation anew and tells what has changed. That an officer is there is a reminder's to tell. */
async function look(thread: Thread): Promise<void> {
  const before = thread.info.state
  await thread.refresh()
  const { state, merged_into: merged } = thread.info
  if (state === before || merged) return
  if (state === 'active') attention.say(zh.conversation.changed.active)
  else attention.tellOf(thread.id, zh.reminded(thread.info.topic, zh.conversation.changed[state]))
}

/** What a reminder says, for whoever may have several conversations. */
function remind(thread: Thread, { kind, reminder, message, mine }: LiveEvent): void {
  const said = kind === 'message.sent' && message && !mine ? zh.messages.says(message.text) : ''
  const words = said || zh.reminder[reminder?.of as keyof typeof zh.reminder]
  if (reminder && words) attention.remind(reminder, thread.id, zh.reminded(thread.info.topic, words))
  else if (said) attention.say(said)
}

async function happened(event: LiveEvent): Promise<void> {
  if (event.kind === 'appeal.answered') return attention.tell(zh.appeal.answered)
  if (!event.conversation) return
  const thread = threads.get(event.conversation)
  if (!thread) {
    // Entered on another device.
    if (event.kind === 'conversation.entered') desk.thread(await get('/api/v1/conversations/{conversation}', { path: { conversation: event.conversation } }))
    return
  }
  remind(thread, event)
  if (thread.apply(event)) await look(thread)
}

const live = new Live(transport, {
  state: (state) => (desk.link = state),
  /** Connected, for the first time or again: the present state may have moved on while nobody told us. */
  hello: async () => {
    for (const thread of threads.values()) if (thread.open) await look(thread).catch(quietly)
    await desk.readMine().catch(quietly)
  },
  event: (event) => happened(event).catch(quietly),
  typing: (conversation, who) => {
    if (who === 'officer') threads.get(conversation)?.isTyping()
  },
  position: (position) => {
    const thread = threads.get(position.conversation)
    if (!thread) return
    thread.position = position
    if (position.state !== thread.info.state) void look(thread).catch(quietly)
  },
})

/** The phone was asleep, or somebody looks again: do not wait any longer. */
export function wake(): void {
  if (desk.owner) live.wake()
}

uni.onNetworkStatusChange(({ isConnected }) => {
  if (!desk.owner) return
  // A socket may take minutes to notice that the network is gone.
  live.stop()
  if (isConnected) live.start()
  else desk.link = 'away'
})
