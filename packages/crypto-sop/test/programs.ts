import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { programOr } from "@aurochs/debian-programs"
import { type SopProgram, sopAvailable } from "../src/index.ts"

/** The reader of certificates in all of these tests. */
export const reader = openpgpjs()

/** With every case of the suite for the slow program, too. */
export const all: boolean = process.env.AUROCHS_ALL_BACKENDS === "1"

/** PGPainless is a JVM for every call: it starts faster this way, and leaves no files of its own behind when killed. */
const JVM = { JAVA_TOOL_OPTIONS: "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData" }

/** A program that can be used here, or why not. */
export type Tried = SopProgram & { readonly name: string; readonly missing?: string | undefined }

/** A program of Debian, whose package has its name. */
export async function tried(name: string): Promise<Tried> {
  const found = await programOr(name, name)
  if (found.missing !== undefined) return { name, program: name, missing: found.missing }
  const { PATH: _, ...env } = found.env
  const program = { program: found.path, env: { ...env, ...(name === "pgpainless-cli" ? JVM : {}) } }
  const available = await sopAvailable(program)
  // An unpacked PGPainless does not find its libraries: it wants to be installed.
  return { name, ...program, ...(available.usable ? {} : { missing: available.because }) }
}

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

export function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}

export function first<T>(items: readonly T[]): T {
  const [item] = items
  if (item === undefined) throw new Error("there is none")
  return item
}
