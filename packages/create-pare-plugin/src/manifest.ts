import { KINDS, type PluginTemplate } from './kinds.js'
import type { NewPlugin } from './new-plugin.js'

/** Versions of what a plugin is made with. */
export interface ToolVersions {
  /** Of all packages of Pare, which are released together: that of this one. */
  readonly pare: string
}

/** package.json of a plugin: found by its name, with one copy of the contract, types beside the code, and nothing in it but what is built. */
export function manifestOf({ kind, packageName }: NewPlugin, { pare }: ToolVersions): object {
  const { prefix, contract, what, uses = [] }: PluginTemplate = KINDS[kind]
  const range = `^${pare}`
  return {
    name: packageName,
    version: '0.1.0',
    description: `A ${prefix} for Pare: ${what}`,
    keywords: ['pare', 'pare-plugin', `pare-${prefix}`, 'onnx', 'pruning'],
    license: 'MIT',
    type: 'module',
    engines: { node: '>=20.19.0' },
    exports: { '.': { types: './dist/index.d.ts', default: './dist/index.js' } },
    files: ['dist', '!dist/**/*.test.*'],
    scripts: {
      build: 'tsc -p .',
      test: 'vitest run --dir src',
      check: 'pare plugin check',
      prepack: 'npm run build',
    },
    ...(uses.length > 0 && { dependencies: Object.fromEntries(uses.map((name) => [name, range])) }),
    peerDependencies: { [contract]: range },
    devDependencies: sorted({
      '@pare/cli': range,
      [contract]: range,
      '@pare/testing': range,
      '@types/node': '^20.19.0',
      typescript: '^6.0.0',
      vitest: '^4.1.0',
    }),
    publishConfig: { access: 'public', provenance: true },
  }
}

function sorted(entries: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1)))
}
