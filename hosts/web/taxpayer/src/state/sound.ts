import { preferences } from './preferences'

/** A hundred reminders may come at once after an absence; one sound says it. */
const QUIET_MS = 800
/** Made, not loaded: a page loads nothing that plays. */
const PITCHES = [659, 880]
const STEP_S = 0.16
const LOUD = 0.08
const SILENT = 0.0001

let audio: AudioContext | null = null
let rang = 0

// #ifdef H5
// Browsers allow sound only after somebody has touched the page.
for (const kind of ['pointerdown', 'keydown']) document.addEventListener(kind, () => (audio ??= new AudioContext()), { once: true, capture: true })
// #endif

function play(): void {
  // #ifdef MP-WEIXIN
  if (!audio && uni.canIUse('createWebAudioContext')) audio = uni.createWebAudioContext() as unknown as AudioContext
  if (!audio) return void uni.vibrateLong({ complete: () => {} })
  // #endif
  if (!audio) return
  if (audio.state === 'suspended') void audio.resume()
  for (const [i, pitch] of PITCHES.entries()) {
    const at = audio.currentTime + i * STEP_S
    const tone = audio.createOscillator()
    const volume = audio.createGain()
    tone.frequency.value = pitch
    volume.gain.setValueAtTime(SILENT, at)
    volume.gain.exponentialRampToValueAtTime(LOUD, at + 0.03)
    volume.gain.exponentialRampToValueAtTime(SILENT, at + 0.35)
    tone.connect(volume)
    volume.connect(audio.destination)
    tone.start(at)
    tone.stop(at + 0.4)
  }
}

/** The sound of a reminder, for whoever wants to hear it. */
export function ring(): void {
  if (!preferences.sound || Date.now() - rang < QUIET_MS) return
  rang = Date.now()
  play()
}
