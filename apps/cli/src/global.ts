import { homedir } from "node:os"
import { join, resolve } from "node:path"
import { UsageError } from "@aurochs/cli-kit"
import { type BareJid, bareJid, isAurochsError } from "@aurochs/core"
import type { Argv } from "yargs"

/** Options that every command takes. */
export interface GlobalOptions {
  readonly home: string
  readonly account?: string | undefined
  readonly service?: string | undefined
  readonly json: boolean
  /** `openpgpjs`, `openssl`, `gnupg`, `sop:PROGRAM` … */
  readonly backend: string
  /** GnuPG's folder for `--backend gnupg`; undefined: one for this command only. */
  readonly gnupgHome?: string | undefined
}

/** Options of commands that log in. */
export interface NetworkOptions extends GlobalOptions {
  readonly passwordFile?: string | undefined
  readonly passwordCommand?: string | undefined
}

/** Options of commands that use a secret key. */
export interface PassphraseOptions {
  readonly passphrase?: boolean | undefined
  readonly passphraseFile?: string | undefined
  readonly passphraseCommand?: string | undefined
}

/** Adds {@link GlobalOptions}. */
export function globalOptions<T>(program: Argv<T>): Argv<T & GlobalOptions> {
  return program
    .option("home", {
      type: "string",
      default:
        process.env.AUROCHS_HOME ?? join(process.env.XDG_DATA_HOME ?? join(homedir(), ".local/share"), "aurochs"),
      defaultDescription: "AUROCHS_HOME or ~/.local/share/aurochs",
      describe: "Folder for keys, contacts and archive",
      coerce: (folder: string) => resolve(callersFolder(), folder),
    })
    .option("account", { type: "string", describe: "Bare JID; by default the only one that has a key here" })
    .option("service", {
      type: "string",
      describe: "xmpp://HOST:PORT, xmpps://…, ws://… or wss://…; by default what the account's domain says",
    })
    .option("json", { type: "boolean", default: false, describe: "Print JSON, one object a line" })
    .option("backend", {
      type: "string",
      default: process.env.AUROCHS_BACKEND ?? "openpgpjs",
      defaultDescription: "AUROCHS_BACKEND or openpgpjs",
      describe: "OpenPGP engine: openpgpjs, openssl, gnupg, sop:PROGRAM; aurochs backends lists them",
    })
    .option("gnupg-home", {
      type: "string",
      describe: "GnuPG's folder with keys of its own, e.g. of a card, for --backend gnupg",
    }) as Argv<T & GlobalOptions>
}

/** Adds the options of {@link NetworkOptions}. */
export function passwordOptions<T>(program: Argv<T>) {
  return program
    .option("password-file", { type: "string", describe: "File that holds the account's password" })
    .option("password-command", {
      type: "string",
      describe: "Command that prints it; else AUROCHS_PASSWORD or a prompt",
    })
}

/** Adds the options of {@link PassphraseOptions}. */
export function passphraseOptions<T>(program: Argv<T>) {
  return program
    .option("passphrase-file", { type: "string", describe: "File that holds the key's passphrase" })
    .option("passphrase-command", {
      type: "string",
      describe: "Command that prints it; else AUROCHS_PASSPHRASE or a prompt",
    })
}

/** `npm run` changes the folder; paths are meant from where the user is. */
export function callersFolder(): string {
  return process.env.AUROCHS_CWD ?? process.cwd()
}

/** A path as the user meant it. */
export function userPath(file: string): string {
  return resolve(callersFolder(), file)
}

/**
 * Reads an address from the command line.
 *
 * @throws {UsageError} naming the option
 */
export function jidArgument(option: string, text: string): BareJid {
  try {
    return bareJid(text)
  } catch (error) {
    if (isAurochsError(error, "BAD_DATA")) throw new UsageError(`${option}: ${text} is ${error.message}.`)
    throw error
  }
}
