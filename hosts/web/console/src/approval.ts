import type { components } from '@shared'

import { answer, api } from './api/http'
import { me } from './api/me'

type Schemas = components['schemas']

interface Sides {
  now: unknown
  then: unknown
}

/** What is in force of what an approval would change, and what it would be; null where there is no such thing, or one may not read it. */
export async function sidesOf({ matter, content }: Schemas['ApprovalView']): Promise<Sides | null> {
  if (matter === 'line' && me.can('interaction.line')) {
    const { line, settings } = content as Schemas['ProposeLine']
    return line ? { now: (await answer(api.GET('/api/v1/lines/{line}', { params: { path: { line } } }))).settings, then: settings } : null
  }
  const { change } = (content ?? {}) as Partial<Schemas['ProposeChange']>
  if (change && 'post' in change && change.post.post && me.can('access.posts')) {
    const post = (await answer(api.GET('/api/v1/posts'))).items.find((p) => p.id === change.post.post)
    const { name, permissions, emergency } = change.post
    return post ? { now: { name: post.name, permissions: post.permissions, emergency: post.emergency }, then: { name, permissions, emergency: emergency ?? false } } : null
  }
  if (change && 'control_rule' in change && me.can('control.rules')) {
    const { rule, threshold, window_minutes, enabled } = change.control_rule
    const set = (await answer(api.GET('/api/v1/control/rules'))).items.find((r) => r.id === rule)
    return set ? { now: { threshold: set.threshold, window_minutes: set.window_minutes, enabled: set.enabled }, then: { threshold, window_minutes, enabled } } : null
  }
  return null
}
