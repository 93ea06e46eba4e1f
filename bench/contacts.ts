import type { SecretKey } from "@aurochs/crypto"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { paired, WARM_UP_MS } from "./kit/paired.ts"
import type { BenchModule } from "./kit/types.ts"
import { makePeople, type Person } from "./people.ts"

/** A certificate that was read and checked before, against one that was not. */
export const warm: BenchModule = {
  bench: "warm",
  title: "A contact whose certificate was read and checked before",
  about:
    "`cold`: the contact's certificate is read and its self-signatures are verified for this message; `warm`: that was " +
    "done before. Sealed to the contact and oneself, or opened from the contact, with `crypto-openpgpjs`. Opening takes " +
    "three computations on Node's thread pool for every message (X25519, the key's unwrapping, Ed25519), and two more of " +
    "Ed25519 for a contact that is new: whatever becomes cheaper besides does so for both.",
  nMeans: "recipients",
  opsMean: "messages",
  async *run(context) {
    const { alice, recipients, plaintext } = await makePeople()
    const of = async (cacheEntries: number) => {
      const provider = openpgpjs({ cacheEntries })
      const [aliceKey] = await provider.importSecret(alice.secret)
      if (aliceKey === undefined) throw new Error("a key was not imported")
      let turn = 0
      const next = (): Person => recipients[turn++ % recipients.length] ?? alice
      const messages = new Map<Person, Uint8Array>()
      for (const one of recipients) messages.set(one, await from(one))
      async function from(one: Person): Promise<Uint8Array> {
        const [key] = await provider.importSecret(one.secret)
        return provider.signcrypt(plaintext, { recipients: [alice.certificate], signWith: key as SecretKey })
      }
      return {
        seal: () =>
          provider.signcrypt(plaintext, { recipients: [next().certificate, alice.certificate], signWith: aliceKey }),
        open: async () => {
          const sender = next()
          const message = messages.get(sender) ?? new Uint8Array()
          const options = { decryptWith: [aliceKey], verifyWith: [sender.certificate] }
          const { signatures } = await provider.open(message, options)
          if (signatures[0]?.kind !== "valid") throw new Error("the signature is not valid")
        },
      }
    }
    const known = await of(256)
    // Room for oneself and one contact: every other contact is new again when it comes back.
    const fresh = await of(2)
    yield* await paired(context, {
      bench: "warm",
      n: 1,
      sides: [
        { side: "cold-seal", once: fresh.seal },
        { side: "warm-seal", once: known.seal },
        { side: "cold-open", once: fresh.open },
        { side: "warm-open", once: known.open },
      ],
      pairs: [
        { side: "warm-seal", ratioTo: "cold-seal", goal: 2 },
        { side: "warm-open", ratioTo: "cold-open", goal: 2 },
      ],
      warmUpMs: WARM_UP_MS,
    })
  },
}
