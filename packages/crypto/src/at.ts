/** The moment at which validity is judged; the provider's clock if absent. Archives, skewed clocks and tests give one. */
export interface At {
  readonly now?: Date | undefined
}

/** Moments in milliseconds since 1970, `until` exclusive. */
export interface TimeSpan {
  readonly from: number
  readonly until: number
}
