import type { OptionDescription } from '@pare/core'
import { describeMetrics } from '@pare/evaluate/choices'
import { FIRST_PARTY } from './first-party.js'
import type { LoadedKind, PluginKind } from './plugin-reference.js'

/** What a plugin says of itself. */
export interface PluginDescription {
  readonly kind: PluginKind
  readonly name: string
  readonly about: string
  readonly options: readonly OptionDescription[]
}

/** Of the plugins of one name that come with the CLI, or of all: a cut structure and a criterion may share one. Loads them. */
export async function describeFirstParty(named?: string): Promise<readonly PluginDescription[]> {
  const entries = (Object.keys(FIRST_PARTY) as LoadedKind[]).flatMap((kind) =>
    Object.entries(FIRST_PARTY[kind])
      .filter(([name]) => named === undefined || name === named)
      .map(async ([name, load]) => {
        const { about, options } = await load()
        return { kind, name, about, options }
      }),
  )
  const metrics = (await describeMetrics(named)).map((metric) => ({ kind: 'metric' as const, ...metric }))
  return [...(await Promise.all(entries)), ...metrics]
}
