import type { CallOptions } from "@aurochs/core"
import type { JsonFormat } from "./json.ts"

/** A small record of a {@link Table}. */
export interface Row {
  readonly id: string
}

/** What a transaction does to a table, all at once. */
export interface Change<T extends Row> {
  readonly put?: readonly T[]
  readonly drop?: readonly string[]
}

/** The records of a table, in the order of their ids. */
export interface Rows<T extends Row> {
  readonly all: ReadonlyMap<string, T>
  /** The row that has this unique key. */
  find(key: string): T | undefined
}

/** What a writer sees: nobody else writes meanwhile. */
export interface Transaction<T extends Row> {
  readonly rows: Rows<T>
  /** The id that follows the last one ever given, or the one `ahead` behind it. Ids are never given twice. */
  nextId(ahead?: number): string
  /** Durable, all or nothing, when it resolves. */
  commit(change: Change<T>): Promise<void>
}

/** Small records that are held in memory, beside an append-only journal where they have to last. */
export interface Table<T extends Row> extends AsyncDisposable {
  read<R>(operation: string, view: (rows: Rows<T>) => R, options?: CallOptions): Promise<R>
  /** @param body fails as a whole if it throws before `commit` */
  write<R>(operation: string, body: (tx: Transaction<T>) => Promise<R>, options?: CallOptions): Promise<R>
}

/** How a table is written down and looked up. */
export interface TableShape<T extends Row> {
  readonly name: string
  readonly format: JsonFormat<T>
  /** Unique keys of a row beside its id. */
  keysOf(row: T): readonly string[]
  /** The large parts of the rows. */
  readonly blobs: Pick<Blobs<unknown>, "sweep">
}

/** The large parts of a table's rows, by id. Written inside a transaction, before its `commit`. */
export interface Blobs<T> {
  put(operation: string, items: readonly { readonly id: string; readonly value: T }[]): Promise<void>
  get(operation: string, id: string): Promise<T | undefined>
  /** Unknown ids change nothing. */
  drop(operation: string, ids: readonly string[]): Promise<void>
  /** Drops what a crash left without a row. Inside a transaction. */
  sweep(operation: string, isLive: (id: string) => boolean): Promise<void>
}

/** Small documents by name, each replaced as a whole. */
export interface Documents<T> extends AsyncDisposable {
  get(operation: string, name: string, options?: CallOptions): Promise<T | undefined>
  all(operation: string, options?: CallOptions): AsyncIterable<T>
  /**
   * One at a time, also between processes; durable when it resolves.
   *
   * @param step the new document, `delete`, or `keep`
   */
  update<R>(
    operation: string,
    name: string,
    step: (old: T | undefined) => { readonly document: T | "delete" | "keep"; readonly result: R },
    options?: CallOptions,
  ): Promise<R>
}

/** Lines that are only ever added. */
export interface Lines<T> extends AsyncDisposable {
  append(operation: string, line: T, options?: CallOptions): Promise<void>
  all(operation: string, options?: CallOptions): AsyncIterable<T>
}

/** Names that are taken once. */
export interface Claims extends AsyncDisposable {
  /** @returns undefined to the one who took it, else what that one had said */
  claim(operation: string, name: string, by: string, options?: CallOptions): Promise<string | undefined>
}

/** Where everything is kept: the few shapes of data that the stores are made of. */
export interface Backing {
  readonly durable: boolean
  table<T extends Row>(shape: TableShape<T>): Table<T>
  blobs<T>(name: string, format: JsonFormat<T>): Blobs<T>
  documents<T>(name: string, format: JsonFormat<T>): Documents<T>
  lines<T>(name: string, format: JsonFormat<T>): Lines<T>
  claims(name: string): Claims
}
