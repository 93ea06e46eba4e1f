import { AurochsError, type Certificate } from "@aurochs/core"
import type { SecretKey } from "@aurochs/crypto"
import type { Member } from "./crew.ts"

/** Where the key behind a handle lives: under this number, in these workers. */
export interface Place {
  readonly number: number
  readonly members: Set<Member>
  isDisposed: boolean
}

/** Handles on secret keys that live in workers. */
export interface PoolKeys {
  /** @param forget called once, when it is disposed */
  add(place: Place, certificate: Certificate, forget: () => Promise<void>): SecretKey
  /** @throws {AurochsError} `BACKEND` if it was disposed, or is no handle of this pool */
  placeOf(handle: SecretKey): Place
  /** Every key that was not disposed of. */
  all(): readonly Place[]
}

export function poolKeys(): PoolKeys {
  const places = new WeakMap<object, Place>()
  const live = new Set<Place>()
  return {
    add(place, certificate, forget) {
      const handle: SecretKey = {
        certificate,
        async [Symbol.asyncDispose]() {
          if (!places.delete(handle)) return
          live.delete(place)
          place.isDisposed = true
          await forget()
        },
      }
      places.set(handle, place)
      live.add(place)
      return handle
    },
    placeOf(handle) {
      const place = places.get(handle)
      if (place !== undefined) return place
      throw new AurochsError("BACKEND", "the secret key was disposed, or is not of this pool", { backend: "pool" })
    },
    all: () => [...live],
  }
}
