import { createSSRApp } from 'vue'
import App from './App.vue'
// #ifdef H5
import { arrive } from './use/arrive'
// #endif

// #ifdef H5
// The host's content policy refuses markup made from text. Vue empties its container that way, and that alone is let
// through.
interface Policies {
  createPolicy(name: string, rules: { createHTML: (text: string) => string | null }): void
}
const policies = (window as unknown as { trustedTypes?: Policies }).trustedTypes
policies?.createPolicy('default', { createHTML: (text) => (text === '' ? text : null) })
arrive()
// #endif

export function createApp() {
  return { app: createSSRApp(App) }
}
