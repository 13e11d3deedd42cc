import { reactive } from 'vue'

const LARGE = 'large'
const SILENT = 'silent'

/** How this person wants things shown and told, on this device. */
export const preferences = reactive({
  /** 适老化: large type, strong contrast, big targets. */
  large: uni.getStorageSync(LARGE) === true,
  sound: uni.getStorageSync(SILENT) !== true,

  setLarge(large: boolean) {
    this.large = large
    uni.setStorageSync(LARGE, large)
  },

  setSound(sound: boolean) {
    this.sound = sound
    uni.setStorageSync(SILENT, !sound)
  },
})
