export { debianPrograms, type Programs } from "./debian.ts"
export { type Missing, type Program, programOr } from "./program.ts"
