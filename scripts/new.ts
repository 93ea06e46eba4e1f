// `npm run new -- crypto-provider NAME`: a package for an engine, whose suite is red until it is written.
// docs/write-a-provider.md goes on from there.
import { fileURLToPath } from "node:url"
import { newCryptoProvider } from "./new/crypto-provider.ts"

const root = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "")
const [kind, name, ...rest] = process.argv.slice(2)
if (kind !== "crypto-provider" || name === undefined || rest.length > 0) {
  console.error("usage: npm run new -- crypto-provider NAME")
  process.exit(2)
}
try {
  const { made, changed } = newCryptoProvider(root, name)
  console.log(`made:\n${made.map((file) => `  ${file}`).join("\n")}`)
  console.log(`changed:\n${changed.map((file) => `  ${file}`).join("\n")}`)
  console.log(`now: npx pnpm install, then npm test -- --project crypto-${name}; docs/write-a-provider.md goes on`)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exit(1)
}
