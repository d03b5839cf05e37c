// What backends are made of, without anything of Node: `@pare/core/backends` runs in browsers too.

export { PareError } from '@pare/onnx/error'
export type { Expression } from '../contract/contract.js'
export { putTogether } from '../select/unit-layout.js'
export type {
  Awaitable,
  Backend,
  Bits,
  Candidates,
  Chunk,
  Floats,
  Kernel,
  Precision,
  SaliencyRange,
  Tally,
  UnitLayout,
} from './backend.js'
export { cpu } from './cpu.js'
export { statisticsOf } from './javascript.js'
export { BUCKETS } from './keys.js'
export { setMaskedBits } from './masked-bits.js'
export { randomStream } from './random.js'
export { reference } from './reference.js'
