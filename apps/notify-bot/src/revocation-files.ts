import { readFile, writeFile } from "node:fs/promises"
import { UsageError } from "@aurochs/cli-kit"
import { AurochsError, type BareJid, type Fingerprint } from "@aurochs/core"
import { dearmor } from "@aurochs/crypto/armor"
import { revocationStateKey } from "@aurochs/keys"
import type { Storage } from "@aurochs/storage"

/** Largest revocation certificate that is read, in bytes: it is one signature. */
const MAX_BYTES = 65_536

/**
 * Writes the revocation certificate that was made with a key to a file, binary, readable by nobody else.
 *
 * @throws {UsageError} if there is none, or the file is there already or cannot be made; `STORAGE`
 */
export async function writeRevocation(o: {
  readonly state: Storage["state"]
  readonly account: BareJid
  readonly fingerprint: Fingerprint
  readonly file: string
}): Promise<void> {
  const stored = await o.state.get(revocationStateKey(o.account, o.fingerprint))
  if (stored === undefined) {
    throw new UsageError(`There is no revocation certificate of ${o.fingerprint}: the key was not made here.`)
  }
  try {
    await writeFile(o.file, stored.bytes, { mode: 0o600, flag: "wx", flush: true })
  } catch (error) {
    const isThere = error instanceof Error && "code" in error && error.code === "EEXIST"
    throw new UsageError(isThere ? `${o.file} is there already.` : `${o.file} cannot be written.`)
  }
}

/**
 * Reads a revocation certificate, binary or armored.
 *
 * @returns binary
 * @throws {UsageError} if the file cannot be read, `BAD_DATA` (`certificate`) if it is none
 */
export async function readRevocation(file: string): Promise<Uint8Array> {
  let bytes: Uint8Array
  try {
    bytes = await readFile(file)
  } catch {
    throw new UsageError(`${file} cannot be read.`)
  }
  const packets = bytes.length > MAX_BYTES ? "malformed" : dearmor(bytes)
  if (packets !== "none" && packets !== "malformed") return packets
  throw new AurochsError("BAD_DATA", `${file} is no revocation certificate`, { what: "certificate" })
}
