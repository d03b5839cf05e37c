/** What a plugin can be started as. */
export interface PluginTemplate {
  /** What Pare calls it, in options, configs and names of packages. */
  readonly prefix: 'criterion' | 'structure' | 'preset' | 'metric'
  /** What it is for, as somebody reads it who has to choose. */
  readonly what: string
  /** The package whose types it is written in: a peer, so that there is one copy of it. */
  readonly contract: '@pare/core' | '@pare/metric'
  /** Plugins that it is made of. */
  readonly uses?: readonly string[]
}

/** By the name of the folder in templates/. Kinds with the same prefix are found by Pare in the same way, and differ in what they do. */
export const KINDS = {
  criterion: {
    prefix: 'criterion',
    what: 'says how much each element of a weight matters, as a formula',
    contract: '@pare/core',
  },
  'unit-criterion': {
    prefix: 'criterion',
    what: 'says how much whole units matter (channels, heads, neurons), by looking at data or trying them out',
    contract: '@pare/core',
  },
  solver: {
    prefix: 'criterion',
    what: 'chooses what goes and changes the weights that stay, together',
    contract: '@pare/core',
  },
  structure: {
    prefix: 'structure',
    what: 'says which elements may become zero, and in which pattern',
    contract: '@pare/core',
  },
  'cut-structure': {
    prefix: 'structure',
    what: 'says which units may be removed, so that the model becomes smaller',
    contract: '@pare/core',
  },
  preset: {
    prefix: 'preset',
    what: 'gives a name to steps that suit a kind of model',
    contract: '@pare/core',
    uses: ['@pare/criterion-magnitude', '@pare/structure-element'],
  },
  metric: {
    prefix: 'metric',
    what: 'measures what a model is worth',
    contract: '@pare/metric',
  },
} as const satisfies Readonly<Record<string, PluginTemplate>>

export type TemplateName = keyof typeof KINDS

export const TEMPLATE_NAMES = Object.keys(KINDS) as readonly TemplateName[]
