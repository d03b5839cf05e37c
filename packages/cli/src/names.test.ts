import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

/** Source files of all packages, without what tests them. */
const FILES = readdirSync(join(ROOT, 'packages')).flatMap((name) => {
  const folder = join(ROOT, 'packages', name, 'src')
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.includes('.test.') && !file.includes('testing'))
    .map((file) => ({ at: `${name}/${file}`, text: readFileSync(join(folder, file), 'utf8') }))
})

/** Where each exported type is declared. */
const HOMES = new Map<string, string[]>()
for (const { at, text } of FILES)
  for (const [, name = ''] of text.matchAll(/^export (?:declare )?(?:interface|type|class|enum) (\w+)/gm))
    HOMES.set(name, [...(HOMES.get(name) ?? []), at])

it('an exported type name has one meaning in the repository', () => {
  expect(HOMES.size).toBeGreaterThan(500)
  expect([...HOMES].filter(([, homes]) => homes.length > 1)).toEqual([])
})

it('words of the glossary that are types too are in it, and declared once', () => {
  const glossary = readFileSync(join(ROOT, 'docs/glossary.md'), 'utf8')
  const words = new Set([...glossary.matchAll(/\*\*([\w ]+)\*\*/g)].map(([, word = '']) => word.toLowerCase()))
  const own = [
    'structure',
    'criterion',
    'scope',
    'norm',
    'budget',
    'plan',
    'setting',
    'publication',
    'obstacle',
    'provider',
    'preset',
  ]
  for (const word of own) expect(words).toContain(word)
  const homes = own.map((word) => HOMES.get(`${word.charAt(0).toUpperCase()}${word.slice(1)}`))
  expect(homes.map((home) => home?.length)).toEqual(own.map(() => 1))
})

/** Participles that do not end in -ed. */
const IRREGULAR = /^(told|untold|given|found|known|said|kept|written|met|made|seen|drawn|shown|held|gone|left|chosen|done|felt)$/i
/** As types these stand for things, and as files for what is done there. */
const VERBS = /^(bound|built|cut|lost|put|read|sent|split|taken)$/i
/** What ends in -ed and is none. */
const NOUNS = /^(feed|seed|speed)$/i

it('past participles do not stand for things', () => {
  const isParticiple = (name: string) => [IRREGULAR, VERBS, /ed$/].some((one) => one.test(name)) && !NOUNS.test(name)
  expect([...HOMES.keys()].filter(isParticiple)).toEqual([])
  const files = FILES.filter(({ at }) => /\/(carried|wanted|asked)\.ts$/.test(at) || IRREGULAR.test(/([^/]+)\.ts$/.exec(at)![1]!))
  expect(files.map(({ at }) => at)).toEqual([])
})

it('nor do those that say the least name a value, a field or a parameter', () => {
  const named =
    /\b(?:const|let|readonly) (told|given|found|known|said)\b|[(,] ?(told|given|found|known|said)\??: |\w: (told|given|found|known|said) ?[,}=]/g
  // In strings they are words.
  const lines = FILES.flatMap(({ at, text }) =>
    text
      .split('\n')
      .flatMap((line) => [...line.replaceAll(/'[^']*'|`[^`]*`|\/?\*.*/g, '').matchAll(named)].map(() => `${at}: ${line.trim()}`)),
  )
  expect(lines).toEqual([])
})

it('no folder holds more than 20 source files', () => {
  const counts = new Map<string, number>()
  for (const { at } of FILES) counts.set(dirname(at), (counts.get(dirname(at)) ?? 0) + 1)
  expect(counts.size).toBeGreaterThan(100)
  expect([...counts].filter(([, count]) => count > 20)).toEqual([])
})
