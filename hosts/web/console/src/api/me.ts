import { reactive } from 'vue'

import type { components } from '@shared'

import { answer, api } from './http'

type Me = components['schemas']['Me']
type Permission = components['schemas']['MyPermission']

/** Who works here, and what they may do. */
export const me = reactive({
  is: null as Me | null,
  may: new Map<string, Permission>(),

  async read(): Promise<void> {
    const [is, permissions] = await Promise.all([answer(api.GET('/api/v1/me')), answer(api.GET('/api/v1/me/permissions'))])
    me.is = is
    me.may = new Map(permissions.items.map((p) => [p.operation, p]))
  },

  can(operation: string): boolean {
    return me.may.has(operation)
  },

  /** The authorities at which, with all below them, the caller may do it. */
  where(operation: string): string[] {
    return me.may.get(operation)?.authorities ?? []
  },

  /** Whether a post of theirs belongs to the administration plane. */
  get administers(): boolean {
    return [...me.may.values()].some((p) => p.administrative)
  },

  forget(): void {
    me.is = null
    me.may = new Map()
  },
})
