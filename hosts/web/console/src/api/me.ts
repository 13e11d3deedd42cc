import { reactive } from 'vue'

import type { components } from '@shared'

import { answer, api } from './http'

type Me = components['schemas']['Me']

/** Who works here, and what they may do. */
export const me = reactive({
  is: null as Me | null,
  may: new Set<string>(),

  async read(): Promise<void> {
    const [is, permissions] = await Promise.all([answer(api.GET('/api/v1/me')), answer(api.GET('/api/v1/me/permissions'))])
    me.is = is
    me.may = new Set(permissions.items.map((p) => p.operation))
  },

  can(operation: string): boolean {
    return me.may.has(operation)
  },

  forget(): void {
    me.is = null
    me.may = new Set()
  },
})
