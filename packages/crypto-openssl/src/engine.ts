import type { KeyFacts } from "@aurochs/crypto"
import type { EphemeralKeys } from "./ephemeral.ts"
import type { Handles } from "./handles.ts"
import type { Known } from "./known.ts"

/** What every operation of one provider shares. */
export interface Engine {
  readonly facts: KeyFacts
  readonly known: Known
  readonly handles: Handles
  readonly ephemeralKey: EphemeralKeys
}
