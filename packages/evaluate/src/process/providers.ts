/** Where ONNX Runtime computes: its execution providers, by the names that it has for them. */
export const PROVIDERS = ['cpu', 'cuda', 'webgpu', 'dml', 'coreml'] as const

export type Provider = (typeof PROVIDERS)[number]
