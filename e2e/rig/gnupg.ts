import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { debianPrograms, type Programs } from "@aurochs/debian-programs"
import { run, runOrThrow } from "./processes.ts"

/** GnuPG with its tools for a Web Key Directory. */
export const gnupgPrograms = (): Promise<Programs> =>
  debianPrograms({ gpg: "gnupg", gpgconf: "gnupg", "gpg-wks-server": "gpg-wks-server" })

/** A GnuPG home of our own. */
export interface Gnupg {
  /** Makes a key of these User IDs, without passphrase; its fingerprint. */
  makeKey(...userIds: readonly string[]): Promise<string>
  /** Makes a key that a passphrase protects; its fingerprint. */
  makeProtectedKey(userId: string, passphrase: string): Promise<string>
  /** The secret keys, armored in one block, under this passphrase. */
  exportProtected(fingerprints: readonly string[], passphrase: string): Promise<string>
  /** The certificate, binary. */
  exportKey(fingerprint: string): Promise<Uint8Array>
  /** The certificate and the secret key, each armored. */
  exportArmored(fingerprint: string): Promise<{ readonly certificate: string; readonly secret: string }>
  /** Encrypts a text with a password, armored. */
  encryptWithPassword(text: string, password: string): Promise<string>
  importKey(bytes: Uint8Array): Promise<void>
  /** What GnuPG calls the file of an address in a Web Key Directory. */
  wkdHash(fingerprint: string, address: string): Promise<string>
  /** `gpg-wks-server --install-key`; `folder` is the directory of all domains. */
  installKey(folder: string, fingerprint: string, address: string): Promise<{ code: number; stderr: string }>
  stop(): Promise<void>
}

/** @param home is made */
export async function gnupg(programs: Programs, home: string): Promise<Gnupg> {
  await mkdir(home, { recursive: true, mode: 0o700 })
  const env = { ...process.env, ...programs.env, GNUPGHOME: home, LC_ALL: "C" }
  const gpg = (args: readonly string[], input?: Uint8Array) =>
    runOrThrow(programs.path("gpg"), ["--batch", "--quiet", "--no-tty", ...args], input ? { env, input } : { env })
  return {
    async makeKey(first = "", ...others) {
      const made = await gpg([
        ...["--status-fd", "1", "--passphrase", ""],
        ...["--quick-generate-key", first, "ed25519", "default", "never"],
      ])
      const fingerprint = /KEY_CREATED . ([0-9A-F]{40})/.exec(made)?.[1] ?? ""
      await gpg(["--passphrase", "", "--quick-add-key", fingerprint, "cv25519"])
      for (const userId of others) await gpg(["--passphrase", "", "--quick-add-uid", fingerprint, userId])
      return fingerprint
    },
    async makeProtectedKey(userId, passphrase) {
      const input = new TextEncoder().encode(passphrase)
      const loopback = ["--pinentry-mode", "loopback", "--passphrase-fd", "0"]
      const made = await gpg(
        [...loopback, "--status-fd", "1", "--quick-generate-key", userId, "ed25519", "default", "never"],
        input,
      )
      const fingerprint = /KEY_CREATED . ([0-9A-F]{40})/.exec(made)?.[1] ?? ""
      await gpg([...loopback, "--quick-add-key", fingerprint, "cv25519"], input)
      return fingerprint
    },
    exportProtected(fingerprints, passphrase) {
      const loopback = ["--pinentry-mode", "loopback", "--passphrase-fd", "0"]
      return gpg(
        [...loopback, "--armor", "--export-secret-keys", ...fingerprints],
        new TextEncoder().encode(passphrase),
      )
    },
    async exportKey(fingerprint) {
      // As text, bytes would be changed on the way.
      const armored = await gpg(["--armor", "--export", fingerprint])
      const body = armored.split(/\r?\n/).slice(armored.split(/\r?\n/).indexOf("") + 1)
      return new Uint8Array(Buffer.from(body.filter((line) => !/^[=-]/.test(line)).join(""), "base64"))
    },
    async exportArmored(fingerprint) {
      const certificate = await gpg(["--armor", "--export", fingerprint])
      return { certificate, secret: await gpg(["--armor", "--export-secret-keys", fingerprint]) }
    },
    async encryptWithPassword(text, password) {
      const file = join(home, "to-encrypt")
      await writeFile(file, text, { mode: 0o600 })
      const loopback = ["--pinentry-mode", "loopback", "--passphrase-fd", "0", "--cipher-algo", "AES256"]
      return gpg([...loopback, "--armor", "--output", "-", "--symmetric", file], new TextEncoder().encode(password))
    },
    async importKey(bytes) {
      await gpg(["--import"], bytes)
    },
    async wkdHash(fingerprint, address) {
      const listed = await gpg(["--list-options", "show-unusable-uids", "--with-wkd-hash", "-k", fingerprint])
      return new RegExp(`([a-z0-9]{32})@${address.split("@")[1]}`).exec(listed)?.[1] ?? ""
    },
    async installKey(folder, fingerprint, address) {
      return run(programs.path("gpg-wks-server"), ["-C", folder, "--install-key", fingerprint, address], { env })
    },
    async stop() {
      await run(programs.path("gpgconf"), ["--kill", "all"], { env })
    },
  }
}
