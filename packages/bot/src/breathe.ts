/** Lets everything else that is ready have its turn: work that never waits would keep the network waiting. */
export function breathe(): Promise<void> {
  const { setImmediate: soon = (then: () => void) => setTimeout(then, 0) } = globalThis as {
    setImmediate?: (then: () => void) => unknown
  }
  return new Promise((resolve) => void soon(resolve))
}
