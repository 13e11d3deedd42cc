import { reactive } from 'vue'
import type { Reminder } from '@/api/types'
import { ring } from './sound'

/** Something to be told once, and the conversation that it is about; of one it stays until it was looked at. */
export interface Notice {
  words: string
  conversation: string
}

const AGAIN_MS = 4_000

/** A mini-program that was put away hides its page, and with it what is watched. */
function attended(): boolean {
  // #ifdef H5
  return document.visibilityState === 'visible'
  // #endif
  // #ifndef H5
  return true
  // #endif
}

/** What is told to whoever is here, and what is before their eyes. */
export const attention = reactive({
  /** To see and to hear. */
  notice: null as Notice | null,
  /** To hear alone: it is seen already. */
  said: '',
  /** The conversation that is open. */
  watched: '',

  tell(words: string, conversation = '') {
    this.notice = { words, conversation }
  },

  /** Of a conversation: to be seen, too, unless it is open and shows it by itself. */
  tellOf(conversation: string, words: string) {
    if (this.sees(conversation)) this.said = words
    else this.tell(words, conversation)
  },

  say(words: string) {
    this.said = words
  },

  /** Sounds and popups: what the line declares, and nothing else. */
  remind(reminder: Reminder, conversation: string, words: string) {
    if (reminder.sound !== 'none') ring()
    if (reminder.sound === 'until_seen' && !this.sees(conversation)) keepRinging(conversation)
    if (reminder.popup) this.tellOf(conversation, words)
    else this.say(words)
  },

  sees(conversation: string): boolean {
    return attended() && this.watched === conversation
  },

  /** It is before somebody's eyes: nothing about it needs to be told any more. */
  seen(conversation: string) {
    unseen.delete(conversation)
    if (this.notice?.conversation === conversation) this.notice = null
  },

  dismiss() {
    if (this.notice) unseen.delete(this.notice.conversation)
    this.notice = null
  },

  end() {
    unseen.clear()
    this.notice = null
    this.said = ''
  },
})

/** Conversations that ring until they are looked at. */
const unseen = new Set<string>()
let ringing: ReturnType<typeof setInterval> | undefined

function keepRinging(conversation: string): void {
  unseen.add(conversation)
  ringing ??= setInterval(() => {
    if (unseen.size) return ring()
    clearInterval(ringing)
    ringing = undefined
  }, AGAIN_MS)
}
