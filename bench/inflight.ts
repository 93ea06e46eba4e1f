import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { ofProvider } from "./engines.ts"
import { paired, type Side, WARM_UP_MS } from "./kit/paired.ts"
import type { BenchModule } from "./kit/types.ts"
import { certificatesOf, makePeople } from "./people.ts"

const IN_FLIGHT = 8

/** Several calls at once, against one after another. */
export const inflight: BenchModule = {
  bench: "inflight",
  title: "Several calls in flight",
  about:
    "Eight calls of `crypto-openpgpjs` at the same time against one after another, one recipient and oneself: what " +
    "OpenPGP.js hands to WebCrypto runs on other threads meanwhile.",
  nMeans: "in flight",
  opsMean: "messages",
  async *run(context) {
    const people = await makePeople()
    const provider = openpgpjs()
    await using engine = await ofProvider(provider, people)
    const [alice] = await provider.importSecret(people.alice.secret)
    if (alice === undefined) throw new Error("the key was not imported")
    const recipients = certificatesOf(people, 1)
    const message = await provider.signcrypt(people.plaintext, { recipients, signWith: alice })
    const sides = (name: string, once: () => unknown): Side[] => [
      { side: `${name}-one`, once },
      {
        side: `${name}-${IN_FLIGHT}`,
        once: () => Promise.all(Array.from({ length: IN_FLIGHT }, once)),
        opsPerCall: IN_FLIGHT,
      },
    ]
    yield* await paired(context, {
      bench: "inflight",
      n: IN_FLIGHT,
      sides: [...sides("seal", engine.seal(1)), ...sides("open", engine.open(message))],
      pairs: ["seal", "open"].map((name) => ({ side: `${name}-${IN_FLIGHT}`, ratioTo: `${name}-one`, goal: 1.4 })),
      warmUpMs: WARM_UP_MS,
    })
  },
}
