export { debianPrograms, type Programs, unpackedPrograms } from "./debian.ts"
export { type Missing, type Program, programOr } from "./program.ts"
export { programsOfRelease } from "./release.ts"
