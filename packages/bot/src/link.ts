/** What is believed of the connection, and who wants to hear of it. */
export interface Link {
  readonly isUp: boolean
  up(): void
  down(): void
}

/** @param onUp told at each (re)connection */
export function createLink(onUp: () => void): Link {
  let isUp = false
  return {
    get isUp() {
      return isUp
    },
    up() {
      isUp = true
      onUp()
    },
    down() {
      isUp = false
    },
  }
}
