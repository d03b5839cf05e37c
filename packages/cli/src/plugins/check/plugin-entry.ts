import { join } from 'node:path'
import { isFile } from '../../files/paths.js'
import { fails, type PluginFinding, passes } from './finding.js'
import type { PluginFolder } from './plugin-manifest.js'

/** What `exports` leads to: paths, absolute; undefined where it leads to none that is there. */
export interface PluginEntry {
  readonly code: string | undefined
  readonly types: string | undefined
  readonly findings: readonly PluginFinding[]
}

/** The code and the types that an importer of the package gets. */
export async function entryOf({ path, manifest }: PluginFolder): Promise<PluginEntry> {
  const main = mainOf(manifest.exports)
  const [code, types] = await Promise.all([
    located(path, targetOf(main, ['import', 'node', 'default'])),
    located(path, targetOf(main, ['types'])),
  ])
  const findings = [describe('exports', code), describe('types', types)]
  return { code: code.file, types: types.file, findings }
}

interface Located {
  readonly target: string | undefined
  readonly file: string | undefined
}

async function located(folder: string, target: string | undefined): Promise<Located> {
  const file = target === undefined ? undefined : join(folder, target)
  return { target, file: file !== undefined && (await isFile(file)) ? file : undefined }
}

function describe(check: 'exports' | 'types', { target, file }: Located): PluginFinding {
  if (file !== undefined) return passes(check, target!)
  if (target !== undefined)
    return fails(check, `"exports" leads to ${target}, and that file is not there.`, 'build it first: npm run build')
  return check === 'exports'
    ? fails(
        check,
        '"exports" leads to no code.',
        '"exports": { ".": { "types": "./dist/index.d.ts", "default": "./dist/index.js" } }',
      )
    : fails(
        check,
        '"exports" leads to no types: in TypeScript a config cannot import it.',
        'put "types": "./dist/index.d.ts" before "default".',
      )
}

/** What stands for '.'. */
function mainOf(exported: unknown): unknown {
  if (typeof exported !== 'object' || exported === null) return exported
  return '.' in exported ? exported['.'] : exported
}

/** The first of some conditions that leads to a path. */
function targetOf(value: unknown, conditions: readonly string[]): string | undefined {
  if (typeof value === 'string') return conditions.includes('default') ? value : undefined
  if (typeof value !== 'object' || value === null) return undefined
  for (const [condition, inner] of Object.entries(value)) {
    const isMeant = conditions.includes(condition)
    // Types may stand within the condition of the code.
    if (!isMeant && !['import', 'node', 'default'].includes(condition)) continue
    const target = typeof inner === 'string' ? (isMeant ? inner : undefined) : targetOf(inner, conditions)
    if (target !== undefined) return target
  }
  return undefined
}
