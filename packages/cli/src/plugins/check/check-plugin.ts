import { checkFactory } from './check-factory.js'
import { checkLaws, type LawOutcome } from './check-laws.js'
import { checkManifest } from './check-manifest.js'
import { checkTypes } from './check-types.js'
import { PLUGIN_CHECKS, type PluginFinding, skips } from './finding.js'
import { entryOf } from './plugin-entry.js'
import { type PluginName, readPluginFolder } from './plugin-manifest.js'

/** Everything that users of a plugin rely on, looked at. */
export interface PluginReport {
  readonly name: string
  readonly version: string
  readonly kind?: PluginName['kind']
  /** In the order of `PLUGIN_CHECKS`. */
  readonly findings: readonly PluginFinding[]
  readonly laws: readonly LawOutcome[]
}

/** Looks at the folder of a plugin, and runs its code. `options`: what the factory is called with. */
export async function checkPlugin(
  path: string,
  { options, signal }: { readonly options: Readonly<Record<string, unknown>>; readonly signal: AbortSignal },
): Promise<PluginReport> {
  const folder = await readPluginFolder(path)
  const { manifest, named } = folder
  const entry = await entryOf(folder)
  const types = entry.types === undefined ? undefined : await checkTypes(entry.types, { folder: path, signal })
  const run = await ran({ path, named, code: entry.code }, { options, signal })
  const compiled = types === undefined ? entry.findings : [...entry.findings.filter(({ check }) => check !== 'types'), types]
  const findings = [...(await checkManifest(folder)), ...compiled, ...run.findings]
  return {
    ...{ name: manifest.name, version: manifest.version, laws: run.laws },
    ...(named !== undefined && { kind: named.kind }),
    findings: PLUGIN_CHECKS.flatMap((check) => findings.filter((finding) => finding.check === check)),
  }
}

interface Runnable {
  readonly path: string
  readonly named: PluginName | undefined
  readonly code: string | undefined
}

/** What shows only when its code runs. */
async function ran(
  { path, named, code }: Runnable,
  { options, signal }: { readonly options: Readonly<Record<string, unknown>>; readonly signal: AbortSignal },
): Promise<{ readonly findings: readonly PluginFinding[]; readonly laws: readonly LawOutcome[] }> {
  if (code === undefined || named === undefined) {
    const first = code === undefined ? 'exports' : 'name'
    const hint = `mend '${first}' first.`
    return { findings: [skips('factory', 'it was not loaded.', hint), skips('laws', 'its laws were not tried.', hint)], laws: [] }
  }
  const { finding, plugin, exported } = await checkFactory(code, named, options)
  if (plugin === undefined || exported === undefined)
    return { findings: [finding, skips('laws', 'its laws were not tried.', "mend 'factory' first.")], laws: [] }
  const { kind, short } = named
  const laws = await checkLaws({ folder: path, kind, short, plugin, code, exported, options, signal })
  return { findings: [finding, laws.finding], laws: laws.laws }
}
