import { reactive } from 'vue'

import type { components } from '@shared'

import { answer, api } from '../api/http'

const FRESH_MS = 300_000

/** Canned replies that the caller may use; they change seldom. */
export const canned = reactive({
  items: [] as components['schemas']['CannedReplyView'][],
  read: 0,

  async load(): Promise<void> {
    if (Date.now() - canned.read < FRESH_MS) return
    canned.items = (await answer(api.GET('/api/v1/me/canned-replies', { params: { query: { limit: 200 } } }))).items
    canned.read = Date.now()
  },
})
