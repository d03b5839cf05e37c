import { type CoupledGroup, cutStructure, type Structure } from '@pare/core'

/**
 * Experts that a router chooses among, with their columns of the router. As many as it chooses for each token always stay. Experts that are written out, a
 * stretch of the graph for each, are told of and stay.
 */
export const expert = (): Structure =>
  cutStructure({
    name: 'expert',
    candidates: ({ coupled }) =>
      coupled.flatMap((group) =>
        group.roles.has('expert') ? [group] : isRouter(group) ? [{ ...group, held: WRITTEN_OUT }] : [],
      ),
    none: 'it has no mixture of experts',
  })

const isRouter = ({ roles }: CoupledGroup) => roles.has('chosen') && roles.has('matmul-out')

const WRITTEN_OUT =
  'the largest of what it makes are chosen: if it chooses experts, they are written out in the graph, and only those of one com.microsoft.MoE are cut; --structure neuron makes each of them smaller'

export default expert
