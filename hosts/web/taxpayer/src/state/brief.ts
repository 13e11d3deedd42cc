// #ifndef H5
const memory = new Map<string, string>()
// #endif

/** What lasts for this visit alone: a browser's tab, or until the mini-program is put away. */
export const brief = {
  get(name: string): string | null {
    // #ifdef H5
    return sessionStorage.getItem(name)
    // #endif
    // #ifndef H5
    return memory.get(name) ?? null
    // #endif
  },

  set(name: string, value: string): void {
    // #ifdef H5
    sessionStorage.setItem(name, value)
    // #endif
    // #ifndef H5
    memory.set(name, value)
    // #endif
  },

  remove(name: string): void {
    // #ifdef H5
    sessionStorage.removeItem(name)
    // #endif
    // #ifndef H5
    memory.delete(name)
    // #endif
  },
}
