import { type CallOptions, type Certificate, throwIfAborted } from "@aurochs/core"
import type { SecretKey } from "@aurochs/crypto"
import type { Asking, Done } from "./asking.ts"
import type { Crew, Member } from "./crew.ts"
import type { Place, PoolKeys } from "./keys.ts"
import type { KeyReference, Method } from "./protocol.ts"

/** Secret keys that one call may make: more than fit into one message. */
const MAX_KEYS_AT_ONCE = 4_096

/** Sees to it that every worker has every key, as far as the engine gives keys away. */
export interface Holding {
  /**
   * Handles on the same keys in every worker, which each makes them of the same arguments.
   *
   * @throws {AurochsError} what a worker throws; `BACKEND` if there is no worker, and none on its way
   */
  everywhere(method: Method, args: readonly unknown[], call: CallOptions | undefined): Promise<SecretKey[]>
  /** A handle on a key that one worker makes, after the others were given it. */
  made(
    method: Method,
    args: readonly unknown[],
    call: CallOptions | undefined,
  ): Promise<{ readonly key: SecretKey; readonly value: unknown }>
  /** Gives every key to the workers that do not have it, since they were started later. */
  spreadAll(): Promise<void>
}

/** What one worker answered to what all of them were asked. */
interface Asked {
  readonly member: Member
  readonly answer: PromiseSettledResult<Done>
}

export function holding(team: Crew, keys: PoolKeys, { ask, forgetKey }: Asking): Holding {
  let lastKey = 0
  const alive = () => team.members.filter(({ thread }) => thread !== undefined)
  const gives = team.members.some(({ engine }) => engine.methods.includes("secrets.export"))

  function handleOf(number: number, certificate: Certificate, members: readonly Member[]) {
    const place: Place = { number, members: new Set(members), isDisposed: false }
    const handle = keys.add(place, certificate, async () => {
      await Promise.allSettled([...place.members].map((member) => forgetKey(number, member)))
    })
    return { place, handle }
  }

  /** Takes the key from one that has it to those that do not; its bytes are overwritten at each stop, or leave it. */
  async function spread(place: Place): Promise<void> {
    const without = alive().filter((member) => !place.members.has(member))
    const [from] = alive().filter((member) => place.members.has(member))
    if (!gives || without.length === 0 || from === undefined) return
    const reference: KeyReference = { aurochsKey: place.number }
    const exported = await ask("secrets.export", [reference, { passphrase: "none" }], undefined, { only: from })
    const secret = exported.value as Uint8Array
    try {
      await Promise.all(without.map((member) => give(place, secret, member)))
    } finally {
      secret.fill(0)
    }
  }

  async function give(place: Place, secret: Uint8Array, only: Member): Promise<void> {
    await ask("importSecret", [secret, {}], undefined, { only, firstKey: place.number })
    if (place.isDisposed) await forgetKey(place.number, only)
    else place.members.add(only)
  }

  /** A key that cannot be given to a worker is used by those that have it. */
  async function tryToSpread(places: readonly Place[]): Promise<void> {
    await Promise.allSettled(places.map(spread))
  }

  /** Of nobody at all nothing can be learned: whoever is started next is waited for. */
  async function askEach(
    method: Method,
    args: readonly unknown[],
    call: CallOptions | undefined,
    firstKey: number,
  ): Promise<readonly Asked[]> {
    const first = alive().length === 0 ? [await ask(method, args, call, { firstKey })] : []
    const asked = first.map((value): Asked => ({ member: value.by, answer: { status: "fulfilled", value } }))
    const others = alive().filter((member) => asked.every((one) => one.member !== member))
    const more = others.map(async (member) => {
      const [answer] = await Promise.allSettled([ask(method, args, call, { only: member, firstKey })])
      return { member, answer }
    })
    return [...asked, ...(await Promise.all(more))]
  }

  return {
    async everywhere(method, args, call) {
      throwIfAborted(call)
      const firstKey = lastKey + 1
      lastKey += MAX_KEYS_AT_ONCE
      const asked = await askEach(method, args, call, firstKey)
      const members = asked.map(({ member }) => member)
      const found = asked.map(({ answer }) =>
        answer.status === "fulfilled" ? [answer.value.value].flat().filter((k) => k !== undefined) : [],
      )
      const most = found.reduce((a, b) => (b.length > a.length ? b : a), [])
      const made = (most as Required<KeyReference>[]).map((key) =>
        handleOf(key.aurochsKey, key.certificate as Certificate, members),
      )
      const handles = made.map(({ handle }) => handle)
      const failed = asked.map(({ answer }) => answer).find((one) => one.status === "rejected")
      if (failed === undefined && call?.signal?.aborted !== true) {
        // One that was started meanwhile.
        await tryToSpread(made.map(({ place }) => place))
        return handles
      }
      for (const handle of handles) await handle[Symbol.asyncDispose]()
      throwIfAborted(call)
      throw failed?.reason
    },
    async made(method, args, call) {
      const { value, by } = await ask(method, args, call, { firstKey: ++lastKey })
      const reference = method === "generate" ? (value as { key: unknown }).key : value
      const { aurochsKey: number, certificate } = reference as Required<KeyReference>
      const { place, handle } = handleOf(number, certificate as Certificate, [by])
      await tryToSpread([place])
      if (call?.signal?.aborted) await handle[Symbol.asyncDispose]()
      throwIfAborted(call)
      return { key: handle, value }
    },
    spreadAll: () => tryToSpread(keys.all()),
  }
}
