import type { CoupledGroup, Role } from '../contract/contract.js'

/** What the units of a group are to the network, in words: the first line whose roles it has, the more special ones first. Undefined: its roles do not tell. */
export function kindOfUnits({ roles }: CoupledGroup): string | undefined {
  return KINDS.find(({ has }) => has.every((role) => roles.has(role)))?.words
}

const KINDS: readonly { readonly has: readonly Role[]; readonly words: string }[] = [
  { has: ['repeat', 'batch', 'matmul-out'], words: 'queries that share a key and a value' },
  { has: ['batch', 'matmul-out'], words: 'heads of attention' },
  { has: ['inner', 'matmul-out'], words: 'positions inside a head, of queries and keys' },
  { has: ['outer', 'matmul-out'], words: 'positions inside a head, of values' },
  { has: ['expert'], words: 'experts that a router chooses among' },
  { has: ['chosen', 'matmul-out'], words: 'scores of which the largest are chosen' },
  { has: ['recurrent'], words: 'hidden units of a recurrent layer' },
  { has: ['conv-out', 'norm'], words: 'channels of a convolution that a normalisation takes statistics over' },
  { has: ['conv-out', 'conv-in'], words: 'channels between convolutions' },
  { has: ['conv-out', 'matmul-in'], words: 'channels of a convolution that a matrix product sums over' },
  {
    has: ['matmul-out', 'matmul-in', 'norm'],
    words: 'the width of a residual stream, which a normalisation takes statistics over',
  },
  { has: ['embedding', 'norm'], words: 'the width of an embedding, which a normalisation takes statistics over' },
  { has: ['embedding', 'matmul-in'], words: 'the width of an embedding' },
  { has: ['matmul-out', 'matmul-in'], words: 'hidden units between two matrix products' },
]
