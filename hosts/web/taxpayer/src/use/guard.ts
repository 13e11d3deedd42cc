import { onShow } from '@dcloudio/uni-app'
import { session } from '@/state/session'
import { toSignIn } from './navigate'

/** For pages that ask for a sign-in: `ready` each time the page is shown to somebody who has. */
export function useGuard(ready: () => void): void {
  onShow(() => (session.here ? ready() : toSignIn()))
}
