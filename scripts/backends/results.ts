import type { Reporter, TestCase, TestModule } from "vitest/node"

/** What became of one test. */
export interface Result {
  readonly state: "passed" | "failed" | "skipped"
  /** Why it was skipped. */
  readonly note: string
}

/** Everything that one run found out about the engines. */
export interface Findings {
  /** By engine, then by the title of a case of the suite. */
  readonly cases: Map<string, Map<string, Result>>
  /** By the engine that sealed, then by the one that opened. */
  readonly pairs: Map<string, Map<string, Result>>
  /** By engine, then by what the command line was given to open. */
  readonly stanzas: Map<string, Map<string, Result>>
  /** Every other test of the run, by its full name: attacks, keys that move, other versions of a program. */
  readonly others: Map<string, Result>
  /** Test files that could not be run. */
  readonly broken: string[]
}

/** A table with nothing in it yet. */
export function noFindings(): Findings {
  return { cases: new Map(), pairs: new Map(), stanzas: new Map(), others: new Map(), broken: [] }
}

const SUITE = /^CryptoProvider: (.+)$/
const PAIR = /^sealed by (.+), opened by (.+)$/
const STANZA = /^aurochs --backend (.+) open$/

/** A reporter that keeps what became of every test: in the table where it belongs, or among the others. */
export function collector(findings: Findings): Reporter {
  return {
    onTestCaseResult(test) {
      const result = resultOf(test)
      const suites = suitesOf(test)
      const pair = PAIR.exec(test.name)
      let isInTable = pair?.[1] !== undefined && pair[2] !== undefined
      if (pair?.[1] !== undefined && pair[2] !== undefined) put(findings.pairs, pair[1], pair[2], result)
      for (const suite of suites) {
        const engine = SUITE.exec(suite)?.[1]
        if (engine !== undefined) put(findings.cases, engine, test.name, result)
        const backend = STANZA.exec(suite)?.[1]
        if (backend !== undefined) put(findings.stanzas, backend, test.name, result)
        isInTable ||= engine !== undefined || backend !== undefined
      }
      if (!isInTable) findings.others.set(test.fullName, result)
    },
    onTestModuleEnd(module: TestModule) {
      const failedAlone = module.state() === "failed" && ![...module.children.allTests("failed")].length
      if (failedAlone) findings.broken.push(module.relativeModuleId)
    },
  }
}

function resultOf(test: TestCase): Result {
  const { state, ...rest } = test.result()
  const note = "note" in rest && rest.note !== undefined ? rest.note : ""
  return { state: state === "passed" || state === "failed" ? state : "skipped", note }
}

function suitesOf(test: TestCase): string[] {
  const names: string[] = []
  for (let at = test.parent; at.type === "suite"; at = at.parent) names.push(at.name)
  return names
}

function put(table: Map<string, Map<string, Result>>, row: string, column: string, result: Result): void {
  const cells = table.get(row) ?? new Map<string, Result>()
  cells.set(column, result)
  table.set(row, cells)
}
