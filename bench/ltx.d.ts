/** ltx comes without types. */
declare module "ltx" {
  /** Reads one element. */
  export function parse(text: string): { toString(): string }
}
