import type { MaskCriterion } from '../contract/contract.js'
import { zerosOf } from './zeros.js'

/** The zeros that weights have already are their mask: nothing changes, and what follows keeps them. */
export const keepZeros: MaskCriterion = { kind: 'mask', name: 'mask keep', zeros: ({ tensor }) => zerosOf(tensor) }
