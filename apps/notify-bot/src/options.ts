import { resolve } from "node:path"
import type { Argv } from "yargs"

/** Options that every command takes. */
export interface ConfigOptions {
  readonly config: string
  readonly json: boolean
}

/** Adds {@link ConfigOptions}. */
export function configOptions<T>(program: Argv<T>): Argv<T & ConfigOptions> {
  return program
    .option("config", { type: "string", demandOption: true, describe: "Configuration file, YAML or TOML" })
    .option("json", { type: "boolean", default: false, describe: "Print JSON, one object a line" }) as Argv<
    T & ConfigOptions
  >
}

/** The configuration file as the user meant it: `npm run` changes the folder. */
export function configFile(options: ConfigOptions): string {
  return resolve(process.env.AUROCHS_CWD ?? process.cwd(), options.config)
}
