import { type Fingerprint, fingerprint } from "@aurochs/core"
import type { SignatureVerdict } from "@aurochs/crypto"
import { isNow } from "./context.ts"
import { badMessage, exit, exited } from "./errors.ts"
import { type Folder, withFolder } from "./folder.ts"
import type { Attempt } from "./open.ts"
import { type Ended, run } from "./run.ts"

/** Draft 05 and later, and what it was called before. */
const OPTIONS = ["--verifications-out", "--verify-out"] as const

const MAX_VERIFICATIONS_BYTES = 65_536

/** What is said of a message of which the program vouches for nothing: unsigned, unknown signer, forgery look alike. */
const UNDETERMINED: readonly SignatureVerdict[] = [{ kind: "unverified", reason: "undetermined" }]

/**
 * Decrypts and verifies with the program alone, for programs that do not tell session keys. The text is that of the run
 * that vouched for it; where no run did, it is decrypted once more without verifying, and nothing is claimed of it.
 */
export const byProgram: Attempt = async (context, { addressed, held }, options) => {
  const { program } = context
  return withFolder(context.folder, program, options, async (folder) => {
    const key = await folder.write("secret-key", held.secret)
    const encryptedTo = held.inner.certificate.fingerprint
    const decrypt = (args: readonly string[]): Promise<Ended> =>
      run(program, {
        args: ["decrypt", ...args, key],
        input: addressed,
        folder: folder.path,
        maxOutputBytes: options.limits.maxPlaintextBytes,
        signal: options.signal,
      })
    const files = await Promise.all(options.verifyWith.map((one, i) => folder.write(`certificate-${i}`, one.bytes)))
    // What holds at another moment than now no program can say.
    for (const option of files.length > 0 && isNow(context, options) ? OPTIONS : []) {
      const out = `verified${option}`
      const certificates = files.map((file) => `--verify-with=${file}`)
      const ended = await decrypt([`${option}=${folder.path}/${out}`, ...certificates])
      if (ended.ok) {
        const known = new Set(options.verifyWith.map((one) => one.fingerprint))
        const signatures = await verdicts(folder, out, known)
        return { plaintext: ended.output, encrypted: true, encryptedTo, signatures }
      }
      if (ended.exitCode === 3) break
    }
    const ended = await decrypt([])
    if (ended.ok) return { plaintext: ended.output, encrypted: true, encryptedTo, signatures: UNDETERMINED }
    if (ended.tooMuch) throw badMessage("it exceeds maxPlaintextBytes", "maxPlaintextBytes")
    if (ended.exitCode === exit.unsupportedAlgorithm) throw exited(program.name, "decrypt", ended.exitCode)
    return "not opened"
  })
}

/** `TIME SIGNING-KEY PRIMARY-KEY …`, a line for each good signature (draft-dkg-openpgp-stateless-cli §5). */
const LINE = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) [0-9A-Fa-f]{40,64} ([0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})(?: .*)?$/

async function verdicts(
  folder: Folder,
  file: string,
  known: ReadonlySet<Fingerprint>,
): Promise<readonly SignatureVerdict[]> {
  const told = await folder.read(file, MAX_VERIFICATIONS_BYTES)
  const valid: SignatureVerdict[] = []
  for (const line of Buffer.from(told ?? [])
    .toString("latin1")
    .split("\n")) {
    const [, time, primary] = LINE.exec(line.trimEnd()) ?? []
    const signedAt = new Date(time ?? Number.NaN)
    if (primary === undefined || Number.isNaN(signedAt.getTime())) continue
    const certificate = fingerprint(primary)
    if (known.has(certificate)) valid.push({ kind: "valid", certificate, signedAt })
  }
  return valid.length > 0 ? valid : UNDETERMINED
}
