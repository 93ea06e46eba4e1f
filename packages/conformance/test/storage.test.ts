import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileStorage, fileStore, memoryStorage } from "@aurochs/storage"
import { describeStorage } from "../src/index.ts"

describeStorage("memory", async () => {
  const storage = memoryStorage()
  return { open: async () => storage, dispose: async () => {} }
})

describeStorage("file", async () => {
  const folder = await mkdtemp(join(tmpdir(), "aurochs-storage-"))
  let opened = 0
  return {
    // Both ways of opening it, over the same folder.
    open: async () => (opened++ % 2 === 0 ? fileStorage(folder) : fileStore(folder)),
    dispose: () => rm(folder, { recursive: true }),
  }
})
