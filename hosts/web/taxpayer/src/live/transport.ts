import { TicketRefused, type Transport } from '@shared/index'
import { post } from '@/api/call'
import { socketOrigin } from '@/api/origin'
import { Problem } from '@/api/problem'
import { uniSocket } from './socket'

export const transport: Transport = {
  async ticket() {
    try {
      return (await post('/api/v1/socket-tickets', {})).ticket
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem
      throw new TicketRefused(problem.status === 401 || problem.status === 403, problem.retryAfterS * 1000)
    }
  },
  open(ticket, cursor) {
    const from = cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''
    return uniSocket(`${socketOrigin()}/api/v1/events?ticket=${encodeURIComponent(ticket)}${from}`)
  },
}
