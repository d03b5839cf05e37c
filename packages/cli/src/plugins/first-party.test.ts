import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { loadConfig } from '../settings/config/config-file.js'
import { fixture } from '../testing/folder.js'
import type { LoadedKind } from './plugin-reference.js'
import { firstPartyNames, firstPartyPackages, isPlugin, resolveCriterion, resolvePreset, resolveStructure } from './plugins.js'

const PACKAGES = fileURLToPath(new URL('../../../', import.meta.url))
const KINDS = ['criterion', 'structure', 'preset'] as const

/** Each folder of a plugin: its kind, its name, and what its factory is called. */
const FOLDERS = readdirSync(PACKAGES).flatMap((folder) => {
  const [, kind, name] = /^(criterion|structure|preset)-(.+)$/.exec(folder) ?? []
  if (kind === undefined || name === undefined) return []
  const factory = name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
  return [{ folder, kind: kind as LoadedKind, name, factory }]
})

const resolvers = { criterion: resolveCriterion, structure: resolveStructure, preset: resolvePreset }
const resolve = (kind: LoadedKind, written: string, folder: string): Promise<unknown> =>
  resolvers[kind](written, { folder, trusted: false })

it('every folder of a plugin is among those that come with the CLI, and no other: npm run generate -w @pare/cli', () => {
  const known = KINDS.flatMap((kind) => firstPartyNames(kind).map((name) => `${kind}-${name}`))
  expect(FOLDERS.map(({ folder }) => folder).sort()).toEqual(known.sort())
  expect([...firstPartyPackages()].sort()).toEqual(FOLDERS.map(({ folder }) => `@pare/${folder}`).sort())
})

describe.each(FOLDERS)('@pare/$folder', ({ folder, kind, name, factory }) => {
  it('exports a factory of its name, which is its default export too', async () => {
    const module = (await import(`@pare/${folder}`)) as Record<string, unknown>
    expect(module[factory]).toBeTypeOf('function')
    expect(module.default).toBe(module[factory])
    expect(isPlugin(kind, (module[factory] as () => unknown)())).toBe(true)
  })

  it.each([
    ['pare.config.ts', `import { ${factory} } from '@pare/${folder}'\nexport default { plugin: ${factory}() as unknown }`],
    ['pare.config.mjs', `import ${factory} from '@pare/${folder}'\nexport default { plugin: ${factory}() }`],
  ])('is imported by a %s where nothing is installed', async (file, text) => {
    await using here = await fixture(undefined, { [file]: text })
    const { value } = await loadConfig(join(here.path, file), { trusted: true })
    expect(isPlugin(kind, (value as { plugin: unknown }).plugin)).toBe(true)
  })

  it.each([
    ['pare.config.json', JSON.stringify({ short: name, long: `@pare/${folder}` })],
    ['pare.config.yaml', `short: ${name}\nlong: '@pare/${folder}'`],
  ])('is named in a %s, by its short name and its long one', async (file, text) => {
    await using here = await fixture(undefined, { [file]: text })
    const { value } = await loadConfig(join(here.path, file), { trusted: false })
    const { short, long } = value as { short: string; long: string }
    for (const written of [short, long]) expect(isPlugin(kind, await resolve(kind, written, here.path))).toBe(true)
  })

  it('has a README that installs it, and whose snippets import what there is and name what is found', async () => {
    const readme = readFileSync(join(PACKAGES, folder, 'README.md'), 'utf8')
    expect(readme).toContain(`npm install @pare/${folder}`)
    for (const [, names = '', from = ''] of readme.matchAll(/import \{ ([\w, ]+) \} from '(@pare\/[\w-]+)'/g)) {
      const module = (await import(from)) as object
      for (const imported of names.split(', ')) expect(Object.keys(module)).toContain(imported.replace(/^type /, ''))
    }
    const own = [...readme.matchAll(new RegExp(`--${kind} ([\\w:=.,@/-]+)`, 'g'))].map(([, written = '']) => written)
    for (const written of own) expect(isPlugin(kind, await resolve(kind, written, PACKAGES))).toBe(true)
    // Called in the text as it is called in a config.
    if (new RegExp(`\\b${factory}\\(`).test(readme)) return
    expect(own.length).toBeGreaterThan(0)
  })
})
