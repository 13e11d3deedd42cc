/** Every page that others lead to, so that no address is written twice. */
const PAGES = {
  home: '/pages/home/home',
  signIn: '/pages/sign-in/sign-in',
  line: '/pages/line/line',
  conversation: '/pages/conversation/conversation',
  rating: '/pages/rating/rating',
  conversations: '/pages/conversations/conversations',
  appeal: '/pages/appeal/appeal',
  appeals: '/pages/appeals/appeals',
  me: '/pages/me/me',
}

export type PageName = keyof typeof PAGES

export function address(page: PageName, query: Record<string, string | null | undefined>): string {
  const asked = Object.entries(query).filter((pair): pair is [string, string] => Boolean(pair[1]))
  const text = asked.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&')
  return PAGES[page] + (text && `?${text}`)
}

export function go(page: PageName, query: Record<string, string | null | undefined> = {}): void {
  uni.navigateTo({ url: address(page, query) })
}

/** Instead of this page, which nobody should come back to. */
export function goInstead(page: PageName, query: Record<string, string | null | undefined> = {}): void {
  uni.redirectTo({ url: address(page, query) })
}

/** As the only page. */
export function goOver(page: PageName, query: Record<string, string | null | undefined> = {}): void {
  uni.reLaunch({ url: address(page, query) })
}

export function goBack(): void {
  if (getCurrentPages().length > 1) uni.navigateBack()
  else goOver('home')
}

/** To the sign-in, and from there back to where one was. */
export function toSignIn(): void {
  const page = getCurrentPages().slice(-1)[0] as { route?: string; options?: Record<string, string> } | undefined
  if (!page?.route || `/${page.route}` === PAGES.signIn) return goOver('signIn')
  const query = Object.entries(page.options ?? {}).map(([name, value]) => `${name}=${value}`).join('&')
  goOver('signIn', { then: `/${page.route}${query && `?${query}`}` })
}

/** Only to pages of this app: `then` comes from an address that anybody may have written. */
export function goOn(then: string | undefined): void {
  const known = then && Object.values(PAGES).some((page) => then === page || then.startsWith(`${page}?`))
  if (known && !then.startsWith(PAGES.signIn)) uni.reLaunch({ url: then })
  else goOver('home')
}
