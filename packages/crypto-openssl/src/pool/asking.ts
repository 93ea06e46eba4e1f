import type { CallOptions, Certificate } from "@aurochs/core"
import type { SecretKey } from "@aurochs/crypto"
import { sentCertificates } from "./certificates.ts"
import type { Crew, Member } from "./crew.ts"
import type { Place, PoolKeys } from "./keys.ts"
import { type CertificateReference, type KeyReference, type Method, mapped } from "./protocol.ts"
import { isUsual, type UsualMethod, type UsualOptions, writeCall } from "./usual.ts"

/** What a worker answered, and which one. */
export interface Done {
  readonly value: unknown
  readonly by: Member
}

/** Which worker is to be asked, where that is not for the keys of the call to say. */
export interface AskOptions {
  readonly only?: Member | undefined
  /** Number of the first secret key that comes of it; none by default. */
  readonly firstKey?: number | undefined
}

/** Calls of the engine in the workers. */
export interface Asking {
  /** @throws {AurochsError} what the engine throws; `BACKEND` if no worker has what is needed; `ABORTED` */
  ask(method: Method, args: readonly unknown[], call: CallOptions | undefined, o?: AskOptions): Promise<Done>
  /** One of the calls that are made for each message. */
  askUsual(method: UsualMethod, bytes: Uint8Array, call: UsualOptions): Promise<unknown>
  /** Has a worker forget a key; one that has ended has nothing left to forget. */
  forgetKey(key: number, member: Member): Promise<unknown>
}

/**
 * @param certificates how many of them the workers remember
 */
export function asking(team: Crew, keys: PoolKeys, certificates: number): Asking {
  let unneeded: number[] = []
  const sent = sentCertificates<Member>(
    certificates,
    (member, number, certificate) => team.tell(member, { kind: "know", number, certificate }),
    (number) => unneeded.push(number),
  )

  /** Only what no order on its way speaks of: this comes after those that were sent before. */
  function forgetUnneeded(): void {
    if (unneeded.length === 0) return
    for (const certificate of unneeded)
      for (const member of team.members) team.tell(member, { kind: "forget", certificate })
    unneeded = []
  }

  function packed(args: readonly unknown[], member: Member): readonly unknown[] {
    return mapped(args, "own", (object) => {
      if (isHandle(object)) return { aurochsKey: keys.placeOf(object).number } satisfies KeyReference
      if (!isCertificate(object)) return undefined
      return { aurochsCertificate: sent.numberOf(member, object) } satisfies CertificateReference
    }) as readonly unknown[]
  }

  async function ask(
    method: Method,
    args: readonly unknown[],
    call: CallOptions | undefined,
    { only, firstKey = 0 }: AskOptions = {},
  ): Promise<Done> {
    const signal = call?.signal
    const places = placesIn(args, keys)
    return new Promise((resolve, reject) => {
      team.dispatch({
        signal,
        // What makes keys is waited for, so that none is left behind that nobody has a handle on.
        abandonable: firstKey === 0,
        anybody: only === undefined && places.length === 0,
        fits: (member) => (only === undefined || member === only) && hasAll(member, places),
        say(member, number) {
          forgetUnneeded()
          const abortable = signal !== undefined
          const order = { kind: "call", call: number, method, args: packed(args, member), firstKey, abortable } as const
          team.tell(member, order)
        },
        resolve: (value, by) => resolve({ value, by }),
        reject,
      })
    })
  }

  async function askUsual(method: UsualMethod, bytes: Uint8Array, o: UsualOptions): Promise<unknown> {
    if (!isUsual(method, bytes, o)) return (await ask(method, [bytes, o], o)).value
    const { signWith, signal } = o
    const handles = method === "open" ? (o.decryptWith ?? []) : method === "signcrypt" && signWith ? [signWith] : []
    const places = handles.map((handle) => keys.placeOf(handle))
    return new Promise((resolve, reject) => {
      team.dispatch({
        signal,
        abandonable: true,
        anybody: places.length === 0,
        fits: (member) => hasAll(member, places),
        say(member, call) {
          forgetUnneeded()
          const named = (method === "open" ? o.verifyWith : o.recipients) ?? []
          const certificates = named.map((one) => sent.numberOf(member, one))
          const numbers = places.map(({ number }) => number)
          const now = o.now?.getTime()
          const abortable = signal !== undefined
          // Only now: what the worker is told of certificates has to stand before it.
          const to = team.tellUsual(member)
          writeCall(to, { call, method, abortable, now, keys: numbers, certificates, bytes })
        },
        resolve,
        reject,
      })
    })
  }

  return {
    ask,
    askUsual,
    forgetKey(key, only) {
      return new Promise((resolve, reject) => {
        const say = (member: Member, call: number) => team.tell(member, { kind: "dispose", call, key })
        team.dispatch({ abandonable: false, anybody: false, fits: (member) => member === only, say, resolve, reject })
      })
    },
  }
}

/** Where a call may go: to workers that have all the keys it needs. */
function placesIn([first, options]: readonly unknown[], keys: PoolKeys): readonly Place[] {
  const { signWith, decryptWith = [] } = { ...(options as { signWith?: unknown; decryptWith?: readonly unknown[] }) }
  return [first, signWith, ...decryptWith].flatMap((one) => (isHandle(one) ? [keys.placeOf(one)] : []))
}

function hasAll(member: Member, places: readonly Place[]): boolean {
  for (const place of places) if (!place.members.has(member)) return false
  return true
}

function isHandle(value: unknown): value is SecretKey {
  return typeof value === "object" && value !== null && Symbol.asyncDispose in value
}

function isCertificate(value: object): value is Certificate {
  const { fingerprint, bytes } = value as Partial<Certificate>
  return typeof fingerprint === "string" && bytes instanceof Uint8Array
}
