export { type Case, type CaseResult, describeCases, runCase, type SuiteOptions, unsupported } from "./case.ts"
