/** Numbers that are the same for the same seed: a run can be repeated. For nothing secret. */
export interface Seeded {
  /** 0 up to `below`, exclusive. */
  below(below: number): number
  chance(of: number): boolean
  pick<T>(items: readonly T[]): T
}

/** A xorshift generator. */
export function seeded(seed: number): Seeded {
  let state = (seed ^ 0x9e3779b9) >>> 0 || 1
  const next = (): number => {
    state ^= state << 13
    state >>>= 0
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state
  }
  const below = (limit: number): number => next() % limit
  return {
    below,
    chance: (of) => next() / 2 ** 32 < of,
    pick(items) {
      const item = items[below(items.length)]
      if (item === undefined) throw new Error("nothing to pick from")
      return item
    },
  }
}
