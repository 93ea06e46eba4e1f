import { debianPrograms } from "./debian.ts"

/** One program, and the environment in which it runs. */
export interface Program {
  /** Absolute path. */
  readonly path: string
  /** Over the environment. */
  readonly env: Readonly<Record<string, string>>
  /** Never there: the other case is {@link Missing}. */
  readonly missing?: undefined
}

/** Why a program cannot be had here: the reason with which its tests are skipped. */
export interface Missing {
  readonly missing: string
}

/**
 * A program of Debian, or the reason why it cannot be had: no Debian, no network, no space.
 *
 * @param name of the program
 * @param debianPackage that has it
 */
export async function programOr(name: string, debianPackage: string): Promise<Program | Missing> {
  try {
    const programs = await debianPrograms({ [name]: debianPackage })
    return { path: programs.path(name), env: programs.env }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return { missing: `${name} is not here: ${why.split("\n")[0]}` }
  }
}
