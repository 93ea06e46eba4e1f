/** The files of a new engine's package, by their paths from the root. */
export function packageFiles(name: string): Readonly<Record<string, string>> {
  const folder = `packages/crypto-${name}`
  return {
    [`${folder}/package.json`]: `${JSON.stringify(manifest(name), undefined, 2)}\n`,
    [`${folder}/tsconfig.json`]: '{ "extends": "../../tsconfig.package.json" }\n',
    [`${folder}/vitest.config.ts`]: vitestConfig(name),
    [`${folder}/README.md`]: readme(name),
    [`${folder}/src/index.ts`]: source(name),
    [`${folder}/test/conformance.test.ts`]: conformanceTest(name),
    [`.changeset/crypto-${name}-first.md`]: `---\n"@aurochs/crypto-${name}": minor\n---\n\nFirst release.\n`,
  }
}

/** The name of the factory: `my-engine` → `myEngine`. */
export function factoryName(name: string): string {
  return name.replaceAll(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}

function manifest(name: string): object {
  return {
    name: `@aurochs/crypto-${name}`,
    version: "0.0.0",
    description: `${name} as an Aurochs crypto provider`,
    keywords: ["xmpp", "openpgp", "xep-0373", "ox", "encryption"],
    license: "MIT",
    author: "The Aurochs authors",
    type: "module",
    sideEffects: false,
    repository: {
      type: "git",
      url: "git+https://github.com/aurochs-ox/aurochs.git",
      directory: `packages/crypto-${name}`,
    },
    engines: { node: ">=22.12" },
    exports: { ".": { types: "./dist/index.d.ts", default: "./dist/index.js" } },
    files: ["dist", "!**/*.tsbuildinfo", "CHANGELOG.md"],
    publishConfig: { access: "public", provenance: true },
    scripts: { build: "tsc", "lint:pkg": "publint --strict && attw --pack . --profile esm-only" },
    dependencies: { "@aurochs/core": "workspace:^", "@aurochs/crypto": "workspace:^" },
    devDependencies: { "@aurochs/conformance": "workspace:^", "@aurochs/crypto-openpgpjs": "workspace:^" },
  }
}

function vitestConfig(name: string): string {
  return `import { defineProject } from "vitest/config"

export default defineProject({
  test: { name: "crypto-${name}", include: ["test/**/*.test.ts"] },
})
`
}

function readme(name: string): string {
  return `# @aurochs/crypto-${name}

${name} as a crypto provider for Aurochs.

\`\`\`sh
npm install @aurochs/crypto-${name}
\`\`\`

\`\`\`ts
import { ${factoryName(name)} } from "@aurochs/crypto-${name}"

const provider = ${factoryName(name)}()
\`\`\`

\`${factoryName(name)}()\` answers with a \`CryptoProvider\` of [\`@aurochs/crypto\`](../crypto). It is not written yet: every
method fails with \`UNSUPPORTED\`, and so does the suite of [\`@aurochs/conformance\`](../conformance) in \`test\`.
`
}

function conformanceTest(name: string): string {
  return `import { describeCryptoProvider } from "@aurochs/conformance"
import { ${factoryName(name)} } from "../src/index.ts"

describeCryptoProvider("${name}", () => ${factoryName(name)}())
`
}

function source(name: string): string {
  const methods = ["inspect", "minimize", "merge", "secretKey", "importSecret", "generate"]
  const more = ["signcrypt", "encrypt", "sign", "open"]
  return `import { AurochsError } from "@aurochs/core"
import type { CryptoProvider } from "@aurochs/crypto"

/** ${name} as a crypto provider. */
export function ${factoryName(name)}(): CryptoProvider {
  return {
    name: "${name}",
    verdicts: "full",
${[...methods, ...more].map((method) => `    ${method}: () => unsupported("${method}"),`).join("\n")}
  }
}

function unsupported(feature: string): Promise<never> {
  return Promise.reject(new AurochsError("UNSUPPORTED", \`\${feature} is not written yet\`, { feature }))
}
`
}
