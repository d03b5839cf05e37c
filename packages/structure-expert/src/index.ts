import { type CoupledGroup, cutStructure, defineStructure } from '@pare/core'

/**
 * Experts that a router chooses among, with their columns of the router: those of one node, those whose weights are stacked, and those that are written out in a
 * stretch of the graph each. As many as the router chooses for each token always stay.
 */
export const expert = defineStructure({
  name: 'expert',
  about:
    'Experts that a router chooses among, with their columns of the router: those of one node, those whose weights are stacked, and those that are written out in a stretch of the graph each. As many as the router chooses for each token always stay.',
  create: (_, name) =>
    cutStructure({
      name,
      candidates: ({ coupled }) => coupled.filter((group) => group.roles.has('expert') || isRouter(group)),
      none: 'it has no mixture of experts',
    }),
})

/** What is chosen among and turned out to be no experts, or cannot go, says why. */
const isRouter = ({ roles }: CoupledGroup) => roles.has('chosen') && roles.has('matmul-out')

export default expert
