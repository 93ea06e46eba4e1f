import type { SeenSet } from "@aurochs/storage"
import { expect } from "vitest"
import { type Case, describeCases, type SuiteOptions } from "./case.ts"
import type { Pair } from "./storage-samples.ts"

/**
 * What every {@link SeenSet} must do (attack A2).
 *
 * @param name of the adapter
 * @param make two instances over the same, empty data
 */
export function describeSeenSet(name: string, make: () => Promise<Pair<SeenSet>>, options?: SuiteOptions): void {
  describeCases(`SeenSet: ${name}`, seenCases, make, options, (pair) => pair.dispose())
}

/** The cases of {@link describeSeenSet}. */
export const seenCases: readonly Case<Pair<SeenSet>>[] = [
  {
    title: "seen (A2): first, then same-stanza or elsewhere",
    async run({ first, second }) {
      expect(await first.claim("digest", "stanza 1")).toBe("first")
      expect(await second.claim("digest", "stanza 1")).toBe("same-stanza")
      expect(await second.claim("digest", "stanza 2")).toBe("elsewhere")
      expect(await first.claim("digest", "stanza 1")).toBe("same-stanza")
    },
  },
  {
    title: "seen (A2): keys are told apart exactly",
    async run({ first }) {
      const keys = ["a", "A", "a ", "", "é", "e\u0301", "../a", "a".repeat(5000), `${"a".repeat(5000)}b`]
      for (const key of keys) expect(await first.claim(key, "stanza")).toBe("first")
      for (const key of keys) expect(await first.claim(key, "another\nstanza")).toBe("elsewhere")
    },
  },
  {
    title: "seen (A2): of many who claim at once, one is first",
    async run({ first, second }) {
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, index) => (index % 2 ? first : second).claim("digest", `stanza ${index}`)),
      )
      expect(results.filter((one) => one === "first")).toHaveLength(1)
      expect(results.filter((one) => one === "elsewhere")).toHaveLength(19)
    },
  },
  {
    title: "seen (A2): of many claims at once each has its own answer",
    async run({ first, second }) {
      expect(await first.claim("old", "stanza 1")).toBe("first")
      const carriers = ["stanza 1", "stanza 2", "stanza 1"]
      const [old, again, another, ...answers] = await Promise.all([
        second.claim("old", "stanza 2"),
        second.claim("old", "stanza 1"),
        second.claim("another", "stanza 1"),
        ...carriers.map((carriedIn) => second.claim("new", carriedIn)),
      ])
      expect([old, again, another]).toEqual(["elsewhere", "same-stanza", "first"])
      // Whoever was first: the others are told by what it was carried in.
      const winner = carriers[answers.indexOf("first")]
      expect(answers.filter((one) => one === "first")).toHaveLength(1)
      for (const [i, answer] of answers.entries()) {
        if (answer !== "first") expect(answer).toBe(carriers[i] === winner ? "same-stanza" : "elsewhere")
      }
    },
  },
  {
    title: "seen: an aborted call rejects with ABORTED and claims nothing",
    async run({ first }) {
      const aborted = expect.objectContaining({ code: "ABORTED" })
      await expect(first.claim("digest", "stanza", { signal: AbortSignal.abort() })).rejects.toEqual(aborted)
      expect(await first.claim("digest", "stanza 2")).toBe("first")
    },
  },
]
