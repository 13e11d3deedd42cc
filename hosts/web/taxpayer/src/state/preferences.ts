import { reactive } from 'vue'

const KEPT = 'large'

/** How this person wants things shown, on this device. */
export const preferences = reactive({
  /** 适老化: large type, strong contrast, big targets. */
  large: uni.getStorageSync(KEPT) === true,

  setLarge(large: boolean) {
    this.large = large
    uni.setStorageSync(KEPT, large)
  },
})
