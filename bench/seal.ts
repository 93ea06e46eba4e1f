import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { type Engine, KEYS_AHEAD, withEngines } from "./engines.ts"
import { type Pair, paired, WARM_UP_MS } from "./kit/paired.ts"
import type { BenchContext, BenchModule, Row } from "./kit/types.ts"
import { type Operation, operations } from "./limit.ts"
import { certificatesOf, makePeople, type People } from "./people.ts"
import { askOpensslSpeed } from "./speed.ts"
import { RECIPIENTS } from "./workload.ts"

const WORKLOAD =
  "A `<signcrypt/>` of 400 bytes, v4 keys of Ed25519 and X25519, n recipients and oneself. `limit` is the bare " +
  "arithmetic through node:crypto: as many operations, and nothing else; `predictedPerSecond` is what `openssl speed` " +
  "makes of the same list on the same machine (without what each call costs in Node). `openpgpjs-raw` is OpenPGP.js as a program " +
  "calls it that keeps its keys in memory."

const AHEAD = "openssl-ahead"

/** Uses up the keys that were made while the others had their turns. */
async function usedUp(once: () => unknown, n: number): Promise<void> {
  for (let keys = 0; keys < KEYS_AHEAD; keys += n + 1) await once()
}

/** What has to be reached at each `n`. */
function pairsOf(limitGoal: number, rawGoalAtOne: number, n: number): Pair[] {
  return [
    { side: "openpgpjs", ratioTo: "openpgpjs-raw", goal: 0.95 },
    { side: "openssl", ratioTo: "limit", goal: limitGoal },
    { side: AHEAD, ratioTo: "limit" },
    { side: "openssl", ratioTo: "openpgpjs-raw", ...(n === 1 ? { goal: rawGoalAtOne } : {}) },
    ...["limit", "gnupg", "sop:sqop", "sop:gosop"].map((side) => ({ side, ratioTo: "openpgpjs-raw" })),
  ]
}

async function* measured(
  context: BenchContext,
  bench: string,
  work: (engine: Engine, n: number, people: People) => Promise<() => unknown>,
  pairs: (n: number) => readonly Pair[],
  list: (n: number) => readonly Operation[],
): AsyncIterable<Row> {
  const predict = await askOpensslSpeed(context)
  const people = await makePeople()
  yield* withEngines(people, context.skipped, async function* (engines) {
    for (const n of context.quick ? RECIPIENTS.slice(0, 1) : RECIPIENTS) {
      const sides = []
      for (const [side, engine] of engines) {
        const once = await work(engine, n, people)
        sides.push({ side, once, before: side === AHEAD ? () => usedUp(once, n) : undefined })
      }
      const predictedPerSecond = predict(list(n))
      const warmUpMs = n === RECIPIENTS[0] ? WARM_UP_MS : undefined
      for (const row of await paired(context, { bench, n, sides, pairs: pairs(n), warmUpMs })) {
        yield row.side === "limit" && predictedPerSecond !== undefined ? { ...row, also: { predictedPerSecond } } : row
      }
    }
  })
}

/** Signing and encrypting. */
export const seal: BenchModule = {
  bench: "seal",
  title: "Sealing",
  about:
    `${WORKLOAD} \`openssl-ahead\` takes its ephemeral keys from a pool of ${KEYS_AHEAD} that other threads fill, each used ` +
    "once: where a core is idle it may pass the limit of one thread.",
  nMeans: "recipients",
  opsMean: "messages",
  plot: true,
  run: (context) =>
    measured(
      context,
      "seal",
      async (engine, n) => engine.seal(n),
      (n) => pairsOf(0.9, 2.5, n),
      operations.seal,
    ),
}

/** Decrypting and verifying. */
export const open: BenchModule = {
  bench: "open",
  title: "Opening",
  about: `${WORKLOAD} The first recipient opens what OpenPGP.js sealed for n recipients and its writer.`,
  nMeans: "recipients",
  opsMean: "messages",
  plot: true,
  async *run(context) {
    const sealed = new Map<number, Uint8Array>()
    yield* measured(
      context,
      "open",
      async (engine, n, people) => {
        const message = sealed.get(n) ?? (await sealedFor(n, people))
        sealed.set(n, message)
        return engine.open(message)
      },
      (n) => pairsOf(0.85, 3.5, n),
      () => operations.open,
    )
  },
}

async function sealedFor(n: number, people: People): Promise<Uint8Array> {
  const provider = openpgpjs()
  const [alice] = await provider.importSecret(people.alice.secret)
  if (alice === undefined) throw new Error("the key was not imported")
  return provider.signcrypt(people.plaintext, { recipients: certificatesOf(people, n), signWith: alice })
}
