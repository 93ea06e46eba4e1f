import { throwIfAborted } from "@aurochs/core"
import type { Backing, Blobs, Claims, Documents, Lines, Row, Table, TableShape, Transaction } from "./backing.ts"
import type { JsonFormat } from "./json.ts"
import { queue } from "./queue.ts"
import { idAfter, rowSet } from "./rows.ts"

/** Keeps everything in this process, as JSON: nobody can change what was stored through a reference. */
export function memoryBacking(): Backing {
  return { durable: false, table, blobs, documents, lines, claims }
}

async function dispose(): Promise<void> {}

function table<T extends Row>(shape: TableShape<T>): Table<T> {
  const rows = rowSet(shape.keysOf)
  const inTurn = queue()
  const tx: Transaction<T> = {
    rows,
    nextId: (ahead) => idAfter(rows.last, ahead),
    commit: async (change) => rows.apply(change),
  }
  return {
    read: (_operation, view, options) => inTurn(async () => view(rows), options),
    write: (_operation, body, options) => inTurn(() => body(tx), options),
    [Symbol.asyncDispose]: dispose,
  }
}

function blobs<T>(_name: string, format: JsonFormat<T>): Blobs<T> {
  const kept = new Map<string, string>()
  return {
    async put(_operation, items) {
      for (const { id, value } of items) kept.set(id, JSON.stringify(format.write(value)))
    },
    async get(_operation, id) {
      const json = kept.get(id)
      return json === undefined ? undefined : format.read(JSON.parse(json), id)
    },
    async drop(_operation, ids) {
      for (const id of ids) kept.delete(id)
    },
    async sweep() {},
  }
}

function documents<T>(_name: string, format: JsonFormat<T>): Documents<T> {
  const kept = new Map<string, string>()
  const get = (name: string) => {
    const json = kept.get(name)
    return json === undefined ? undefined : format.read(JSON.parse(json), name)
  }
  return {
    async get(_operation, name, options) {
      throwIfAborted(options)
      return get(name)
    },
    async *all(_operation, options) {
      for (const name of [...kept.keys()]) {
        throwIfAborted(options)
        const found = get(name)
        if (found !== undefined) yield found
      }
    },
    async update(_operation, name, step, options) {
      throwIfAborted(options)
      const { document, result } = step(get(name))
      if (document === "delete") kept.delete(name)
      else if (document !== "keep") kept.set(name, JSON.stringify(format.write(document)))
      return result
    },
    [Symbol.asyncDispose]: dispose,
  }
}

function lines<T>(name: string, format: JsonFormat<T>): Lines<T> {
  const kept: string[] = []
  return {
    async append(_operation, line, options) {
      throwIfAborted(options)
      kept.push(JSON.stringify(format.write(line)))
    },
    async *all(_operation, options) {
      for (let at = 0; at < kept.length; at++) {
        throwIfAborted(options)
        yield format.read(JSON.parse(kept[at] ?? ""), `${name}[${at}]`)
      }
    },
    [Symbol.asyncDispose]: dispose,
  }
}

function claims(): Claims {
  const taken = new Map<string, string>()
  return {
    async claim(_operation, name, by, options) {
      throwIfAborted(options)
      const before = taken.get(name)
      if (before === undefined) taken.set(name, by)
      return before
    },
    [Symbol.asyncDispose]: dispose,
  }
}
