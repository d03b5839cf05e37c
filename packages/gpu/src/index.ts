export { type AdapterFacts, adaptersOf, factsOf, openEntry } from './adapters.js'
export { gpuBackend, type GpuBackendOptions } from './backend.js'
export { type Gpu, GpuLost, type GpuOptions, openGpu } from './gpu.js'
