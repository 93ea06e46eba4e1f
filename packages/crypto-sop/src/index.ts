export { type SopAvailability, sopAvailable } from "./available.ts"
export type { SopProgram } from "./program.ts"
export { type SopOptions, sop } from "./provider.ts"
