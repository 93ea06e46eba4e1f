import type { CallOptions } from "@aurochs/core"
import { AurochsError } from "@aurochs/core"
import type { StateStore } from "@aurochs/storage"

/** Others may write the same value at the same time; this often is it read again. */
const MAX_ROUNDS = 10

/** A JSON value in the state store; undefined if there is none or it is not JSON. */
export async function readState(state: StateStore, key: string, options: CallOptions): Promise<unknown> {
  return decode((await state.get(key, options))?.bytes)
}

/**
 * Changes a JSON value; when another process changes it at the same time, `change` is asked again with the new value.
 *
 * @param change gets what `readState` gives; undefined: leave it as it is
 * @throws {AurochsError} `STORAGE`, `ABORTED`
 */
export async function changeState(
  state: StateStore,
  key: string,
  change: (value: unknown) => unknown,
  options: CallOptions,
): Promise<void> {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const before = await state.get(key, options)
    const after = change(decode(before?.bytes))
    if (after === undefined) return
    const bytes = new TextEncoder().encode(JSON.stringify(after))
    const result = await state.put(key, bytes, { ...options, ifVersion: before?.version ?? "absent" })
    if (result.kind === "stored") return
  }
  throw new AurochsError("STORAGE", `${key} is changed by others all the time`, { operation: "state.put" })
}

function decode(bytes: Uint8Array | undefined): unknown {
  if (bytes === undefined) return undefined
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as unknown
  } catch {
    return undefined
  }
}

/** The property of an object that came from JSON. */
export function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined
}

/** The strings in an array that came from JSON. */
export function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : []
}
