import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { usage } from '../../terminal/failure.js'
import type { PluginKind } from '../plugin-reference.js'

const names = z.record(z.string(), z.string()).optional().catch(undefined)

/** What package.json says that a plugin's users rely on. What is of another type counts as absent. */
const manifestSchema = z.object({
  name: z.string().catch(''),
  version: z.string().catch(''),
  private: z.boolean().optional().catch(undefined),
  license: z.string().optional().catch(undefined),
  keywords: z.array(z.string()).optional().catch(undefined),
  files: z.array(z.string()).optional().catch(undefined),
  exports: z.unknown(),
  dependencies: names,
  peerDependencies: names,
})

/** A folder with a package.json. */
export interface PluginFolder {
  /** Absolute path. */
  readonly path: string
  readonly manifest: z.infer<typeof manifestSchema>
  /** What its name says it is. Undefined: the name says nothing. */
  readonly named?: PluginName
}

/** What the name of a package says. */
export interface PluginName {
  readonly kind: PluginKind
  /** Without scope and prefix: 'word-order'. */
  readonly short: string
  /** What is written in a config or on the command line: the short name, or with a scope the whole one. */
  readonly written: string
}

/** Throws a usage failure where there is no package.json that can be read. */
export async function readPluginFolder(path: string): Promise<PluginFolder> {
  const file = join(path, 'package.json')
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw usage(
      `pare plugin check: ${file} cannot be read: ${error.message}`,
      'name the folder of a plugin, or start one: npm create pare-plugin',
    )
  })
  const manifest = manifestSchema.parse(objectIn(text, file))
  const named = readName(manifest.name)
  return { path, manifest, ...(named !== undefined && { named }) }
}

function objectIn(text: string, file: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return value
  } catch {
    // Told below.
  }
  throw usage(
    `pare plugin check: ${file} is not the JSON object that npm expects.`,
    'mend it: npm pkg get name says where it breaks',
  )
}

/** 'pare-metric-word-order', '@acme/pare-metric-word-order' or '@acme/metric-word-order'. */
function readName(name: string): PluginName | undefined {
  const [, scope, pare, kind, short] =
    /^(@[^/]+\/)?(pare-)?(criterion|structure|preset|metric)-([a-z][a-z0-9]*(?:-[a-z0-9]+)*)$/.exec(name) ?? []
  if (kind === undefined || short === undefined || (scope === undefined && pare === undefined)) return undefined
  return { kind: kind as PluginKind, short, written: scope === undefined ? short : name }
}
