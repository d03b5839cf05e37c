import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const here = fileURLToPath(new URL('..', import.meta.url))
const DATA = `${here}/../evaluate/src/data`
const bundle = readFileSync(`${here}/bundle.mjs`, 'utf8')
/** Names by package, as files of the bundle have them. */
const bundled = new Map(
  [...bundle.matchAll(/export \{ ([^}]+) \} from '([^']+)'/g)].map(([, names, from]) => [from!, names!.split(', ')]),
)

test('what the evaluation takes out of libraries that lie in files of their own is in these files', () => {
  const sources = readdirSync(DATA, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => readFileSync(`${DATA}/${path}`, 'utf8'))
  const taken = sources.flatMap((text) =>
    [...text.matchAll(/const \{ ([^}[\]]+) \} = await import\('([^']+)'\)/g)].flatMap(([, names, from]) =>
      bundled.has(from!) ? names!.split(', ').map((name) => [from!, name] as const) : [],
    ),
  )
  expect(taken.length).toBeGreaterThan(3)
  expect(taken.filter(([from, name]) => !bundled.get(from)!.includes(name))).toEqual([])
})
