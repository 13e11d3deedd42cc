import { ref, watch } from 'vue'

const KEPT = 'link'

/** What stands for an account that nobody is known to hold, until a provider verifies who does. It is good for some minutes. */
export const pendingLink = ref<string | null>((uni.getStorageSync(KEPT) as string) || null)

watch(pendingLink, (link) => {
  if (link) uni.setStorageSync(KEPT, link)
  else uni.removeStorageSync(KEPT)
})
