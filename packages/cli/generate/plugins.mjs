// Writes which plugins come with the command line: those in packages/, and no other.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'

const packages = new URL('../../', import.meta.url)
const plugins = readdirSync(packages).flatMap((folder) => {
  const [, kind, name] = /^(criterion|preset|structure)-(.+)$/.exec(folder) ?? []
  return kind === undefined ? [] : [{ folder, kind, name, factory: name.replace(/-(\w)/g, (_, letter) => letter.toUpperCase()) }]
})

const entries = (kind) =>
  plugins
    .filter((plugin) => plugin.kind === kind)
    .map(({ folder, name, factory }) => {
      const key = /^\w+$/.test(name) ? name : `'${name}'`
      return `    ${key}: async () => (await import('@pare/${folder}')).${factory},\n`
    })
    .join('')

writeFileSync(
  new URL('../src/plugins/first-party.ts', import.meta.url),
  `// Written by \`npm run generate -w @pare/cli\` from the folders in packages/; do not edit it.

/** The plugins that come with the CLI: from these names nothing outside is ever loaded. */
export const FIRST_PARTY = {
${['criterion', 'preset', 'structure'].map((kind) => `  ${kind}: {\n${entries(kind)}  },\n`).join('')}}
`,
)

const file = new URL('../package.json', import.meta.url)
const manifest = JSON.parse(readFileSync(file, 'utf8'))
const others = Object.entries(manifest.dependencies).filter(([name]) => !/^@pare\/(criterion|preset|structure)-/.test(name))
const own = plugins.map(({ folder }) => [
  `@pare/${folder}`,
  JSON.parse(readFileSync(new URL(`${folder}/package.json`, packages), 'utf8')).version,
])
manifest.dependencies = Object.fromEntries([...others, ...own].sort(([a], [b]) => (a < b ? -1 : 1)))
writeFileSync(file, `${JSON.stringify(manifest, null, 2)}\n`)
