import { computed, type Ref, type WritableComputedRef } from 'vue'

/** A dialog about something is shown while there is something. */
export const useShown = (about: Ref<unknown>): WritableComputedRef<boolean> =>
  computed({ get: () => about.value !== null, set: (is) => is || (about.value = null) })
