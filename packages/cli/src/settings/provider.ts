import type { Provider } from '@pare/evaluate'
import { usage } from '../terminal/failure.js'

const NAMES = { cpu: true, cuda: true, webgpu: true, dml: true, coreml: true } satisfies Record<Provider, true>

/** Where ONNX Runtime may be told to compute, whether or not it can here. */
export const PROVIDERS = Object.keys(NAMES) as [Provider, ...Provider[]]

/** '--provider webgpu' */
export function provider(text: string): Provider {
  const known = PROVIDERS.find((name) => name === text)
  if (known !== undefined) return known
  throw usage(
    `pare: --provider is '${text}'; expected ${PROVIDERS.join(', ')}.`,
    'leave it out to run models on the CPU; a GPU is cuda, webgpu, dml (Windows) or coreml (macOS)',
  )
}
