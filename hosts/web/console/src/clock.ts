import { ref } from 'vue'

/** Now, to the second: whatever counts looks at the same clock. */
export const now = ref(Date.now())
setInterval(() => (now.value = Date.now()), 1000)
