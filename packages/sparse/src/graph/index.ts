// How sparse products are found in a graph and packed, without anything of Node or WebAssembly: `@pare/sparse/graph` runs in browsers too.

export type { Activation } from '../kernels/activations.js'
export { asCodes, asHalves, packGroups, tileSizeOf } from '../pack.js'
export { integersInFloats } from './integers.js'
export { type FoundNorm, normAt } from './norms.js'
export { type DenseStep, modelOfStep, type OwnNodes, type SessionStep, stepsOf } from './segments.js'
export { type ProductSite, sparseSites } from './sites.js'
export { type WidenedUses, widenedUsesOf } from './uses.js'
export { widenedTensor } from './widened-tensor.js'
