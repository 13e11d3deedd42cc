import type { components } from '@shared'

import { act, api } from './api/http'

/** Puts a grant, a post, a separation or a rule forward; somebody else agrees to it. */
export const proposeChange = (body: components['schemas']['ProposeChange']) =>
  act(['access-change', body], (header) => api.POST('/api/v1/access-changes', { params: { header }, body }))
