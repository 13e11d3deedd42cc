import { ElNotification } from 'element-plus/es/components/notification/index'
import 'element-plus/es/components/notification/style/css'
import { reactive } from 'vue'

import type { components } from '@shared'

import { text } from '../text'

type Reminder = components['schemas']['Reminder']

const AGAIN_MS = 3_000
/** After a long absence a hundred reminders come at once; one sound says it. */
const QUIET_MS = 800
/** Below the bar: a popup covers neither the menu nor what one writes. */
const TOP_PX = 54

function preference(name: string, value?: string): string | null {
  try {
    if (value !== undefined) localStorage.setItem(name, value)
    return localStorage.getItem(name)
  } catch {
    return value ?? null // Without storage the choice lasts until the page is left.
  }
}

/** Whether somebody is looking at this page. */
export const attended = (): boolean => document.visibilityState === 'visible' && document.hasFocus()

/** Sounds and popups: what `event.reminder` says, and nothing else. */
export const attention = reactive({
  sound: preference('sound') !== 'off',
  popups: typeof Notification === 'undefined' ? 'denied' : Notification.permission,

  toggleSound(): void {
    attention.sound = !attention.sound
    preference('sound', attention.sound ? 'on' : 'off')
    if (attention.sound) play()
    else unseen.clear()
  },

  async allowPopups(): Promise<void> {
    if (typeof Notification !== 'undefined') attention.popups = await Notification.requestPermission()
  },

  /** `about` is the conversation; looking at it ends a sound that goes on until then. */
  remind(reminder: Reminder, about: string, words: string, open: () => void): void {
    if (reminder.sound !== 'none') ring()
    if (reminder.sound === 'until_seen') {
      unseen.add(about)
      again()
    }
    if (reminder.popup) popup(text.attention.of[reminder.of], words, about, open)
  },

  seen(about: string): void {
    unseen.delete(about)
    shown.get(about)?.()
    shown.delete(about)
  },

  still(): void {
    unseen.clear()
    for (const close of shown.values()) close()
    shown.clear()
  },
})

const unseen = new Set<string>()
/** How to put away what popped up about something. */
const shown = new Map<string, () => void>()
let repeating: ReturnType<typeof setInterval> | undefined
let rang = 0
let audio: AudioContext | null = null

// Browsers allow sound only after somebody has touched the page.
for (const kind of ['pointerdown', 'keydown']) document.addEventListener(kind, () => (audio ??= new AudioContext()), { once: true, capture: true })

function again(): void {
  repeating ??= setInterval(() => {
    if (unseen.size) return ring()
    clearInterval(repeating)
    repeating = undefined
  }, AGAIN_MS)
}

function ring(): void {
  if (Date.now() - rang < QUIET_MS) return
  rang = Date.now()
  play()
}

function play(): void {
  if (!attention.sound || !audio) return
  if (audio.state === 'suspended') void audio.resume()
  for (const [i, pitch] of [659, 880].entries()) {
    const at = audio.currentTime + i * 0.16
    const tone = audio.createOscillator()
    const volume = audio.createGain()
    tone.frequency.value = pitch
    volume.gain.setValueAtTime(0.0001, at)
    volume.gain.exponentialRampToValueAtTime(0.08, at + 0.03)
    volume.gain.exponentialRampToValueAtTime(0.0001, at + 0.35)
    tone.connect(volume).connect(audio.destination)
    tone.start(at)
    tone.stop(at + 0.4)
  }
}

function popup(title: string, words: string, tag: string, open: () => void): void {
  shown.get(tag)?.()
  if (attended() || attention.popups !== 'granted') {
    const box = ElNotification({ title, message: words, type: 'info', offset: TOP_PX, duration: 6_000, onClick: () => (open(), box.close()) })
    shown.set(tag, box.close)
    return
  }
  const note = new Notification(title, { body: words, tag })
  note.onclick = () => {
    window.focus()
    open()
    note.close()
  }
  shown.set(tag, () => note.close())
}
