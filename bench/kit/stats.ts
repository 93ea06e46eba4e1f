/** The middle value; of an even number the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

/** The value below which this part of the values lies (nearest rank). */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN
}

/** Two ends. */
export interface Interval {
  readonly low: number
  readonly high: number
}

/**
 * A 95 % interval of the median that assumes nothing of the distribution (the sign test turned around): from the k-th
 * smallest to the k-th greatest value, k as great as it may be. With fewer than 6 values: from the least to the
 * greatest, which covers less.
 */
export function medianInterval(values: readonly number[]): Interval {
  const sorted = values.toSorted((a, b) => a - b)
  const { length } = sorted
  let outside = 0
  let probability = 2 ** -length
  let k = 0
  // Each value lies below the median with a probability of one half.
  while (2 * (outside + probability) <= 0.05) {
    outside += probability
    probability *= (length - k) / (k + 1)
    k++
  }
  const at = Math.max(0, k - 1)
  return { low: sorted[at] ?? Number.NaN, high: sorted[length - 1 - at] ?? Number.NaN }
}
