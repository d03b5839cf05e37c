// What backends and their tests are made of, without anything of Node: `@pare/core/backends` runs in browsers too.

export { PareError } from '@pare/onnx/error'
export type { Expression } from '../contract/contract.js'
export { putTogether } from '../select/unit-layout.js'
export type { Arithmetic } from './arithmetic.js'
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
  SaliencyTally,
  UnitLayout,
} from './backend.js'
export { cpu } from './cpu.js'
export { evaluate } from './evaluate.js'
export { javascript, statisticsOf } from './javascript.js'
export { BUCKETS, notFinite, ZEROS } from './keys.js'
export { kth } from './kth.js'
export { setMaskedBits } from './masked-bits.js'
export { randomStream } from './random.js'
export { reference } from './reference.js'
export { trace } from './trace.js'
