import { readFile } from "node:fs/promises"
import { UsageError } from "@aurochs/cli-kit"
import { dearmor as unarmored } from "@aurochs/crypto/armor"
import { looksLikePackets } from "@aurochs/crypto/packets"
import { decodeBase64 } from "@aurochs/xml"
import { userPath } from "./global.ts"

/** Largest key or certificate file that is read, in bytes. */
const MAX_FILE_BYTES = 4 * 1024 * 1024

/**
 * Reads a key or certificate file: binary, armored, or bare Base64.
 *
 * @returns the binary OpenPGP data
 * @throws {UsageError} if it is none of these
 */
export async function readOpenpgpFile(file: string): Promise<Uint8Array> {
  let bytes: Uint8Array
  try {
    bytes = await readFile(userPath(file))
  } catch {
    throw new UsageError(`${file} cannot be read.`)
  }
  if (bytes.length > MAX_FILE_BYTES) throw new UsageError(`${file} is larger than any key.`)
  const binary = dearmor(bytes)
  if (binary === undefined) throw new UsageError(`${file} is no OpenPGP file: binary, armored or Base64 is read.`)
  return binary
}

/** OpenPGP data in whichever of the three forms; undefined if it is none. */
export function dearmor(bytes: Uint8Array): Uint8Array | undefined {
  const packets = unarmored(bytes)
  if (packets !== "none") return packets === "malformed" ? undefined : packets
  try {
    const decoded = decodeBase64(new TextDecoder().decode(bytes))
    return looksLikePackets(decoded) ? decoded : undefined
  } catch {
    return undefined
  }
}

/** Everything on standard input. */
export async function readInput(maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of process.stdin) {
    size += chunk.length
    if (size > maxBytes) throw new UsageError(`Standard input is longer than ${maxBytes} bytes.`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
