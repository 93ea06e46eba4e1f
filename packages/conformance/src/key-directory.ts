import { deepEqual, equal, ok, rejects } from "node:assert/strict"
import { type BareJid, type Fingerprint, isAurochsError } from "@aurochs/core"
import type { CertificateInfo } from "@aurochs/crypto"
import type { Found, KeyDirectory, Missing } from "@aurochs/keys"
import { type Case, describeCases, type SuiteOptions, unsupported } from "./case.ts"

/** A directory with nothing of `owner` in it yet. */
export interface KeyDirectorySubject extends AsyncDisposable {
  readonly directory: KeyDirectory
  /** Whose keys this directory may publish. */
  readonly owner: BareJid
  /** Two or more certificates of that owner, in their smallest form. */
  readonly certificates: readonly CertificateInfo[]
}

type Publishing = KeyDirectorySubject & {
  readonly directory: Required<Pick<KeyDirectory, "publish" | "retract">> & KeyDirectory
  readonly first: CertificateInfo
  readonly second: CertificateInfo
}

/** What every key directory must do. Those that only read skip the cases that publish. */
export const keyDirectoryCases: readonly Case<KeyDirectorySubject>[] = [
  {
    title: "an account without keys has nothing: empty, not an error",
    async run({ directory, owner }) {
      deepEqual(await all(directory.lookup({ owner })), [])
    },
  },
  {
    title: "an aborted lookup rejects with ABORTED",
    async run({ directory, owner }) {
      const lookup = all(directory.lookup({ owner }, { signal: AbortSignal.abort() }))
      await rejects(lookup, (error) => isAurochsError(error, "ABORTED"))
    },
  },
  publishing("what was published is found byte for byte, with the directory's name", async (s) => {
    await s.directory.publish(s.first)
    const [found, ...rest] = await all(s.directory.lookup({ owner: s.owner }))
    equal(rest.length, 0)
    ok(found !== undefined && "bytes" in found, "it was not found")
    equal(hex(found.bytes), hex(s.first.bytes))
    equal(found.source, s.directory.name)
  }),
  publishing("a second key stands beside the first (R52)", async (s) => {
    await s.directory.publish(s.first)
    await s.directory.publish(s.second)
    deepEqual(await found(s), [hex(s.first.bytes), hex(s.second.bytes)].sort())
  }),
  publishing("publishing again changes nothing: no key twice (R31)", async (s) => {
    await s.directory.publish(s.first)
    await s.directory.publish(s.first)
    deepEqual(await found(s), [hex(s.first.bytes)])
  }),
  publishing("a lookup by fingerprint gives that key only", async (s) => {
    await s.directory.publish(s.first)
    await s.directory.publish(s.second)
    deepEqual(await found(s, s.second.fingerprint), [hex(s.second.bytes)])
  }),
  publishing("a lookup by a fingerprint that is not there gives nothing", async (s) => {
    await s.directory.publish(s.first)
    deepEqual(await found(s, s.second.fingerprint), [])
  }),
  publishing("retracting takes out that key only", async (s) => {
    await s.directory.publish(s.first)
    await s.directory.publish(s.second)
    await s.directory.retract(s.first.fingerprint)
    deepEqual(await found(s), [hex(s.second.bytes)])
  }),
  publishing("retracting the last key leaves nothing", async (s) => {
    await s.directory.publish(s.first)
    await s.directory.retract(s.first.fingerprint)
    deepEqual(await found(s), [])
  }),
  publishing("retracting what is not there is no error", async (s) => {
    await s.directory.publish(s.first)
    await s.directory.retract(s.second.fingerprint)
    deepEqual(await found(s), [hex(s.first.bytes)])
  }),
  publishing("a key that was retracted can be published again", async (s) => {
    await s.directory.publish(s.first)
    await s.directory.retract(s.first.fingerprint)
    await s.directory.publish(s.first)
    deepEqual(await found(s), [hex(s.first.bytes)])
  }),
  publishing("a certificate under another one's fingerprint is refused with BAD_DATA", async (s) => {
    const swapped = { ...s.first, fingerprint: s.second.fingerprint }
    await rejects(s.directory.publish(swapped), (error) => isAurochsError(error, "BAD_DATA"))
    deepEqual(await found(s), [])
  }),
  publishing("leaving the loop early leaves the directory usable", async (s) => {
    await s.directory.publish(s.first)
    await s.directory.publish(s.second)
    for await (const _ of s.directory.lookup({ owner: s.owner })) break
    equal((await found(s)).length, 2)
  }),
  publishing("a publication is told to whoever listens for changes (R35)", async (s) => {
    if (s.directory.changes === undefined) unsupported("the directory has no push")
    const leaving = new AbortController()
    const changes = s.directory.changes({ signal: leaving.signal })[Symbol.asyncIterator]()
    const next = changes.next()
    await s.directory.publish(s.first)
    deepEqual(await next, { value: s.owner, done: false })
    leaving.abort()
    await changes.return?.()
  }),
]

/**
 * Runs the suite of key directories with vitest.
 *
 * @param name of the adapter
 * @param make a directory in which the owner has nothing yet
 */
export function describeKeyDirectory(
  name: string,
  make: () => Promise<KeyDirectorySubject>,
  options: SuiteOptions = {},
): void {
  describeCases(`KeyDirectory: ${name}`, keyDirectoryCases, make, options, (subject) => subject[Symbol.asyncDispose]())
}

function publishing(title: string, run: (subject: Publishing) => Promise<void>): Case<KeyDirectorySubject> {
  return {
    title,
    async run(subject) {
      const { publish, retract } = subject.directory
      if (publish === undefined || retract === undefined) unsupported("the directory only reads")
      const [first, second] = subject.certificates
      ok(first !== undefined && second !== undefined, "the suite needs two certificates")
      await run({ ...subject, directory: { ...subject.directory, publish, retract }, first, second })
    },
  }
}

/** What is found of the owner, sorted; a gap fails the case. */
async function found({ directory, owner }: KeyDirectorySubject, fingerprint?: Fingerprint): Promise<string[]> {
  const items = await all(directory.lookup(fingerprint === undefined ? { owner } : { owner, fingerprint }))
  return items
    .map((one) => ("bytes" in one ? hex(one.bytes) : `missing ${one.missing}: ${one.because}`))
    .sort()
}

async function all(items: AsyncIterable<Found | Missing>): Promise<(Found | Missing)[]> {
  const list: (Found | Missing)[] = []
  for await (const item of items) list.push(item)
  return list
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")
}
