import { expect, test } from 'vitest'
import { spelledEinsum } from './einsum.js'

test.each<[string, number[], string | undefined]>([
  ['bij, bjk -> bik', [3, 3], 'bij,bjk->bik'],
  ['ij,jk', [2, 2], 'ij,jk->ik'],
  ['ba,ca', [2, 2], 'ba,ca->bc'],
  ['...ij,jk->...ik', [4, 2], 'ABij,jk->ABik'],
  ['...ij,...jk', [4, 3], 'ABij,Bjk->ABik'],
  ['b...,b...->b...', [2, 3], 'bB,bAB->bAB'],
  ['ij,jk->ik', [3, 2], undefined],
  ['...ij,jk->...ik', [1, 2], undefined],
  ['ij,jk->ik', [2], undefined],
])('%s of ranks %j is %s', (equation, ranks, expected) => {
  const spelled = spelledEinsum(equation, ranks)
  expect(spelled && `${spelled.inputs.join()}->${spelled.output}`).toBe(expected)
})
