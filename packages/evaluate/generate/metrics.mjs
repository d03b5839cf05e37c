// Writes which metrics there are: each file of packages/metric-*/src but tests is one, named as the file is.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'

const packages = new URL('../../', import.meta.url)
const folders = readdirSync(packages).filter((folder) => /^metric-./.test(folder))
const metrics = folders
  .flatMap((folder) =>
    readdirSync(new URL(`${folder}/src/`, packages)).flatMap((file) => {
      const [, name] = /^([a-z0-9-]+)\.ts$/.exec(file) ?? []
      return name === undefined ? [] : [{ folder, name }]
    }),
  )
  .sort((a, b) => (a.name < b.name ? -1 : 1))

const camel = (name) => name.replace(/-(\w)/g, (_, letter) => letter.toUpperCase())
const key = (name) => (/^\w+$/.test(name) ? name : `'${name}'`)
const entries = metrics.map(
  ({ folder, name }) => `  ${key(name)}: async () => (await import('@pare/${folder}/${name}')).${camel(name)},\n`,
)

writeFileSync(
  new URL('../src/metrics/first-party.ts', import.meta.url),
  `// Written by \`npm run generate -w @pare/evaluate\` from the folders packages/metric-*; do not edit it.

import type { MetricPlugin } from '@pare/metric'

/** The metrics that come with this package, each loaded when it is asked for. */
export const METRICS: Readonly<Record<string, () => Promise<MetricPlugin>>> = {
${entries.join('')}}
`,
)

const file = new URL('../package.json', import.meta.url)
const manifest = JSON.parse(readFileSync(file, 'utf8'))
const others = Object.entries(manifest.dependencies).filter(([name]) => !name.startsWith('@pare/metric-'))
const own = folders.map((folder) => [
  `@pare/${folder}`,
  JSON.parse(readFileSync(new URL(`${folder}/package.json`, packages), 'utf8')).version,
])
manifest.dependencies = Object.fromEntries([...others, ...own].sort(([a], [b]) => (a < b ? -1 : 1)))
writeFileSync(file, `${JSON.stringify(manifest, null, 2)}\n`)
