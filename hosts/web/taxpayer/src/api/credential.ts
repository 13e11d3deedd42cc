const KEPT = 'token'

/** The bearer token, and who is told when the host takes it no more. */
export const credential = {
  token: (uni.getStorageSync(KEPT) as string) || null,
  onrefused: () => {},

  keep(token: string | null) {
    this.token = token
    if (token) uni.setStorageSync(KEPT, token)
    else uni.removeStorageSync(KEPT)
  },
}
