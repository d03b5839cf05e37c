import { cutStructure, type Structure } from '@pare/core'

/** Experts that a router chooses among, with their columns of the router. As many as it chooses for each token always stay. */
export const expert = (): Structure =>
  cutStructure({
    name: 'expert',
    candidates: ({ coupled }) => coupled.filter(({ roles }) => roles.has('expert')),
    none: 'it has no mixture of experts',
  })

export default expert
