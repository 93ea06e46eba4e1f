import { existsSync } from "node:fs"
import { dirname, join, resolve } from "node:path"

/** The programs of one GnuPG. */
export interface Tools {
  readonly gpg: string
  /** Undefined: gpg knows where its own is. */
  readonly agent?: string | undefined
  readonly connect: string
  readonly conf: string
}

/** What a child may see of our environment: where programs and libraries are, nothing else. */
const PASSED_ON = ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR", "TEMP", "SystemRoot", "XDG_RUNTIME_DIR"]

/**
 * @param program `gpg`, or its path: then its sister programs are taken from the same folder
 */
export function toolsOf(program: string): Tools {
  const folder = /[/\\]/.test(program) ? dirname(resolve(program)) : undefined
  const sister = (name: string) => {
    const path = folder === undefined ? undefined : join(folder, name)
    return path !== undefined && existsSync(path) ? path : undefined
  }
  return {
    gpg: folder === undefined ? program : resolve(program),
    agent: sister("gpg-agent"),
    connect: sister("gpg-connect-agent") ?? "gpg-connect-agent",
    conf: sister("gpgconf") ?? "gpgconf",
  }
}

/** One language whatever the user's is, and no other homedir than the one that was given. */
export function environment(home: string): Readonly<Record<string, string>> {
  const passed = PASSED_ON.flatMap((name) => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  return { ...Object.fromEntries(passed), LC_ALL: "C", LANGUAGE: "C", HOME: home, GNUPGHOME: home }
}
