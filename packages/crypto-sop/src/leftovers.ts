/** What has to be undone if this process exits in the middle of a call. */
export interface Leftovers {
  /**
   * @param undo synchronous; must not throw
   * @returns forgets it again
   */
  add(undo: () => void): () => void
}

/** Undoes on the `exit` event, the newest first: a program is ended before its folder is removed. A process that a signal kills has none: whoever wants it handles the signal. */
export function leftovers(): Leftovers {
  const all = new Set<() => void>()
  const undoAll = () => {
    for (const undo of [...all].reverse()) undo()
  }
  return {
    add(undo) {
      if (all.size === 0) process.on("exit", undoAll)
      all.add(undo)
      return () => {
        all.delete(undo)
        if (all.size === 0) process.off("exit", undoAll)
      }
    },
  }
}
