import {
  type Analysis,
  type CoupledGroup,
  cutStructure,
  defineStructure,
  factorsOf,
  type OptionsOf,
  type Structure,
  z,
} from '@pare/core'

export type HeadOptions = OptionsOf<typeof head>

/**
 * Heads of multi-head, grouped-query and multi-query attention: made by a weight, and multiplied apart in a product of activations. With shared keys and
 * values a unit is a key-value head with all its queries, or one query of every key-value head. The factor 1/√d stays: what is inside a head does not change.
 */
export const head = defineStructure({
  name: 'head',
  about:
    'Heads of multi-head, grouped-query and multi-query attention. With shared keys and values a unit is a key-value head with all its queries, or one query of every key-value head.',
  options: {
    queries: z
      .boolean()
      .default(false)
      .describe(
        'where queries share a key-value head, queries are cut and key-value heads stay, of each key-value head the same ones; else that is so only where key-value heads cannot be cut, as in multi-query attention',
      ),
  },
  create: ({ queries }) => ({ kind: 'cut', find: (analysis) => headsOf(analysis, queries).find(analysis) }),
})

export default head

function headsOf({ coupled }: Analysis, queries: boolean): Structure {
  const heads = coupled.filter(({ roles }) => roles.has('batch') && roles.has('matmul-out'))
  const factors = factorsOf(heads)
  const partners = (group: CoupledGroup) => [...(factors.get(group) ?? [])].filter((other) => isQuery(other) !== isQuery(group))
  const isCut = (group: CoupledGroup) =>
    isQuery(group) ? queries || !partners(group).some(isFree) : !queries || partners(group).length === 0
  return cutStructure({
    name: 'head',
    // Key-value heads that are not cut as the user wishes are listed with that reason.
    candidates: () => heads.filter((group) => !isQuery(group) || isCut(group)),
    refuse: (group) => ownReason(group) ?? (isCut(group) ? undefined : 'the queries that share it are cut, as queries=true says'),
  })
}

const isQuery = ({ roles }: CoupledGroup) => roles.has('repeat')

const isFree = (group: CoupledGroup) => group.held === undefined && ownReason(group) === undefined

function ownReason({ roles }: CoupledGroup): string | undefined {
  return roles.has('norm') ? 'a normalisation takes statistics over all heads: removing one would change the others' : undefined
}
