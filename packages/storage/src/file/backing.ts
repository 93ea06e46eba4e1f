import { chmod, readdir, stat } from "node:fs/promises"
import { join, resolve } from "node:path"
import { AurochsError } from "@aurochs/core"
import type { Backing } from "../backing.ts"
import { fields } from "../json.ts"
import { blobFiles, claimFiles, documentFiles } from "./files.ts"
import { ensureFolder, guarded, readText, removeFile, replaceFile, syncFolder } from "./io.ts"
import { journalTable } from "./journal.ts"
import { lineFile } from "./line-file.ts"
import { lockFile } from "./lock.ts"

const formatVersion = 1
/** What is older in the scratch folder was left behind by a crash. */
const scratchMs = 10 * 60_000

/** A backing of files, and how to find out at once whether it can be used. */
export interface FileBacking extends Backing {
  ready(): Promise<void>
}

/** Keeps everything in one folder: see the README for what lies where. */
export function fileBacking(folder: string): FileBacking {
  const root = resolve(folder)
  const scratch = join(root, "scratch")
  const prepareRoot = repeatable(() => guarded("open", root, () => prepare(root, scratch)))
  const place = (name: string) => {
    const part = join(root, name)
    const ready = repeatable(async () => {
      await prepareRoot()
      await guarded("open", part, () => ensureFolder(part))
    })
    return { part, scratch, ready, lock: lockFile(join(part, "lock"), scratch) }
  }
  return {
    durable: true,
    ready: prepareRoot,
    table(shape) {
      const { part, ...rest } = place(shape.name)
      return journalTable({ ...rest, path: join(part, "journal.jsonl") }, shape)
    },
    blobs(name, format) {
      const { part, ...rest } = place(name)
      return blobFiles({ ...rest, folder: join(part, "content") }, format)
    },
    documents(name, format) {
      const { part, ...rest } = place(name)
      return documentFiles({ ...rest, folder: part }, format)
    },
    lines(name, format) {
      const { part, ...rest } = place(name)
      return lineFile({ ...rest, path: join(part, "lines.jsonl") }, format)
    },
    claims(name) {
      const { part, ...rest } = place(name)
      return claimFiles({ ...rest, folder: part })
    },
  }
}

/** Runs once; again only if it failed. */
function repeatable(task: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined
  return () => {
    running ??= task().catch((error: unknown) => {
      running = undefined
      throw error
    })
    return running
  }
}

async function prepare(root: string, scratch: string): Promise<void> {
  await makeRoot(root)
  const path = join(root, "storage.json")
  const marker = await readText(path)
  await ensureFolder(scratch)
  if (marker === undefined) {
    await replaceFile(scratch, path, `${JSON.stringify({ aurochs: "storage", format: formatVersion })}\n`)
    await syncFolder(root)
  } else await guarded("open", path, async () => checkMarker(path, marker))
  await sweepScratch(scratch)
}

/** A new or empty folder becomes private; one that holds other things keeps its permissions, ours inside are private. */
async function makeRoot(root: string): Promise<void> {
  const there = await stat(root).catch(() => undefined)
  if (there === undefined) return ensureFolder(root)
  if (!there.isDirectory()) throw new AurochsError("CONFIGURATION", `${root} is not a folder`, { field: "folder" })
  if ((await readdir(root)).length === 0) await chmod(root, 0o700)
}

function checkMarker(path: string, marker: string): void {
  const { format } = fields(JSON.parse(marker), "marker")
  if (format !== formatVersion)
    throw new AurochsError("CONFIGURATION", `${path}: written by another version (format ${String(format)})`, {
      field: "folder",
    })
}

async function sweepScratch(scratch: string): Promise<void> {
  for (const name of await readdir(scratch)) {
    const path = join(scratch, name)
    const there = await stat(path).catch(() => undefined)
    if (there !== undefined && Date.now() - there.mtimeMs > scratchMs) await removeFile(path)
  }
}
