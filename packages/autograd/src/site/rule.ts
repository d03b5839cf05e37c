import type { GradientRule, GradientSite } from './site.js'

/** How gradients pass an operator. */
export interface Passage {
  readonly rule: GradientRule
  /** Inputs that have a derivative. */
  readonly through: 'all' | readonly number[]
}

/** What stands in a table of rules: the rule of an operator all of whose inputs have derivatives, a passage, 'flat', or why there is none. */
export type Entry = GradientRule | Passage | 'flat' | { readonly declined: string }

export type GradientRules = Readonly<Record<string, Entry>>

/** Only these inputs have a derivative: the others are indices, sizes, conditions. */
export function only(through: readonly number[], rule: GradientRule): Passage {
  return { rule, through }
}

/** The same entry under several names. */
export function each(names: string, entry: Entry): GradientRules {
  return Object.fromEntries(names.split(/\s+/).map((name) => [name, entry]))
}

/** The outputs of a node, written with plain operators; undefined for one that nothing reads. Throws PareError for a form that it does not know. */
export type Decomposition = (site: GradientSite) => readonly (string | undefined)[]
