import { readFile } from "node:fs/promises"
import { dirname, resolve } from "node:path"
import { AurochsError, type BareJid, bareJid, type Fingerprint, fingerprint } from "@aurochs/core"
import { parse as parseToml } from "smol-toml"
import { parse as parseYaml } from "yaml"
import { type ConfigFile, checkConfig } from "./config-schema.ts"
import type { SourceConfig } from "./sources.ts"

/** One who gets every notification. */
export interface Recipient {
  readonly jid: BareJid
  /** Holds against a hostile server from the first message; absent: trust on first use. */
  readonly fingerprints?: readonly Fingerprint[] | undefined
}

/** The configuration, complete: secrets read, addresses prepared, paths absolute. */
export interface Config {
  readonly jid: BareJid
  readonly service?: string | undefined
  readonly password: string
  readonly webhook: {
    readonly host: string
    readonly port: number
    readonly token: string
    readonly maxBodyBytes: number
  }
  readonly recipients: readonly Recipient[]
  /** Sources of keys besides the accounts' own lists; none unless the operator switched them on. */
  readonly sources: readonly SourceConfig[]
  readonly storage: StorageConfig
  readonly key: { readonly create: boolean; readonly passphrase?: string | undefined }
  /** Does the bot send and honour trust messages (XEP-0434, XEP-0450)? */
  readonly trustMessages: boolean
  readonly maxMessageBytes: number
  readonly logLevel: ConfigFile["log"]["level"]
}

/** Where everything is kept. */
export interface StorageConfig {
  /** Absolute. Secret keys are always here; the embedded database too, where there is no `databaseUrl`. */
  readonly folder: string
  readonly databaseUrl?: string | undefined
}

/** What the commands that only read the archive need. */
export type StoreConfig = Pick<Config, "jid" | "storage" | "key" | "recipients" | "sources">

/** Shortest token that is accepted, in characters. */
export const MIN_TOKEN_CHARACTERS = 32

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Reads and checks a configuration file, YAML or (by its name) TOML, and every secret it names.
 *
 * @param file path
 * @param environment `AUROCHS_PASSWORD`, `AUROCHS_WEBHOOK_TOKEN`, `AUROCHS_PASSPHRASE`, `DATABASE_URL`, each also as
 *   `…_FILE`, fill in what the file leaves out
 * @throws {AurochsError} `CONFIGURATION` naming the field, with what to do
 */
export async function loadConfig(file: string, environment: Environment): Promise<Config> {
  const { parsed, folder } = await readConfigFile(file)
  const store = await storeConfig(parsed, folder, environment)
  const secret = secretReader(folder, environment)
  const password = await secret(
    "account.password",
    parsed.account.password,
    parsed.account.passwordFile,
    "AUROCHS_PASSWORD",
  )
  if (password === undefined) {
    throw problem(
      "account.password",
      "account.password is missing: set account.passwordFile, AUROCHS_PASSWORD or AUROCHS_PASSWORD_FILE",
    )
  }
  const token = await secret("webhook.token", parsed.webhook.token, parsed.webhook.tokenFile, "AUROCHS_WEBHOOK_TOKEN")
  if (token === undefined || token.length < MIN_TOKEN_CHARACTERS) {
    throw problem(
      "webhook.token",
      `webhook.token ${token === undefined ? "is missing" : "is too short"}: ${MIN_TOKEN_CHARACTERS} characters or more are needed, e.g. from \`openssl rand -hex 32\``,
    )
  }
  const { host, port, maxBodyBytes } = parsed.webhook
  return {
    ...store,
    service: parsed.account.service,
    password,
    webhook: { host, port, token, maxBodyBytes },
    trustMessages: parsed.trust.messages,
    maxMessageBytes: parsed.message.maxBytes,
    logLevel: parsed.log.level,
  }
}

/**
 * Reads only what is needed to open the stores: neither the account's password nor the webhook's token.
 *
 * @throws {AurochsError} `CONFIGURATION`
 */
export async function loadStoreConfig(file: string, environment: Environment): Promise<StoreConfig> {
  const { parsed, folder } = await readConfigFile(file)
  return storeConfig(parsed, folder, environment)
}

async function readConfigFile(file: string): Promise<{ parsed: ConfigFile; folder: string }> {
  let source: string
  try {
    source = await readFile(file, "utf8")
  } catch {
    throw problem("config", `the configuration file ${file} cannot be read`)
  }
  const checked = checkConfig(parseSource(file, source))
  if (!("config" in checked)) throw problem(checked.field, `${file}: ${checked.message}`)
  return { parsed: checked.config, folder: dirname(resolve(file)) }
}

function parseSource(file: string, source: string): unknown {
  try {
    return file.endsWith(".toml") ? parseToml(source) : parseYaml(source, { maxAliasCount: 0 })
  } catch (error) {
    const where = error instanceof Error ? error.message.split("\n")[0] : ""
    throw problem("config", `${file} is no valid ${file.endsWith(".toml") ? "TOML" : "YAML"}: ${where}`)
  }
}

async function storeConfig(parsed: ConfigFile, folder: string, environment: Environment): Promise<StoreConfig> {
  const secret = secretReader(folder, environment)
  const recipients = parsed.recipients.map((recipient, index) => ({
    jid: checked(`recipients.${index}.jid`, () => bareJid(recipient.jid)),
    fingerprints: recipient.fingerprints?.map((text, at) =>
      checked(`recipients.${index}.fingerprints.${at}`, () => fingerprint(text)),
    ),
  }))
  const doubled = recipients.find(
    (recipient, index) => recipients.findIndex((other) => other.jid === recipient.jid) < index,
  )
  if (doubled !== undefined) throw problem("recipients", `${doubled.jid} is named twice in recipients`)
  const { databaseUrl, databaseUrlFile } = parsed.storage
  return {
    jid: checked("account.jid", () => bareJid(parsed.account.jid)),
    recipients,
    sources: parsed.sources.map(({ use, ...settings }) => ({ ...settings, mayBind: use === "bind" })),
    storage: {
      folder: resolve(folder, parsed.storage.folder),
      databaseUrl: await secret("storage.databaseUrl", databaseUrl, databaseUrlFile, "DATABASE_URL"),
    },
    key: {
      create: parsed.key.create,
      passphrase: await secret(
        "key.passphrase",
        parsed.key.passphrase,
        parsed.key.passphraseFile,
        "AUROCHS_PASSPHRASE",
      ),
    },
  }
}

/** From the file itself, from a file it names, from the environment, or from a file the environment names. */
function secretReader(folder: string, environment: Environment) {
  return async (
    field: string,
    value: string | undefined,
    file: string | undefined,
    variable: string,
  ): Promise<string | undefined> => {
    if (value !== undefined && file !== undefined)
      throw problem(field, `${field} and ${field}File are both set: keep one`)
    if (value !== undefined) return value
    if (file !== undefined) return readSecretFile(`${field}File`, resolve(folder, file))
    if (environment[variable]) return environment[variable]
    const named = environment[`${variable}_FILE`]
    return named ? readSecretFile(`${variable}_FILE`, named) : undefined
  }
}

async function readSecretFile(field: string, file: string): Promise<string> {
  let text: string
  try {
    text = (await readFile(file, "utf8")).replace(/\r?\n$/, "")
  } catch {
    throw problem(field, `${field}: the file ${file} cannot be read`)
  }
  if (text === "") throw problem(field, `${field}: the file ${file} is empty`)
  return text
}

function checked<T>(field: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw problem(field, `${field}: ${error instanceof Error ? error.message : "not valid"}`)
  }
}

function problem(field: string, message: string): AurochsError<"CONFIGURATION"> {
  return new AurochsError("CONFIGURATION", message, { field })
}
