import { PareError } from '@pare/onnx'
import type { OnnxRuntime } from '@pare/onnxruntime'
import type * as Ort from 'onnxruntime-common'
import { PROVIDERS, type Provider } from './providers.js'

export type { Provider } from './providers.js'

/**
 * The options of a session that runs on a provider, and on no other: operators that it lacks run on the CPU, as ONNX Runtime has it. Throws PareError
 * where this build of ONNX Runtime lacks the provider.
 */
export function providerOptions(
  ort: Pick<OnnxRuntime, 'listSupportedBackends'>,
  provider: Provider,
): Pick<Ort.InferenceSession.SessionOptions, 'executionProviders'> {
  const there = ort.listSupportedBackends().map(({ name }) => name)
  if (there.includes(provider)) return { executionProviders: [provider] }
  const choices = PROVIDERS.filter((each) => there.includes(each))
  throw new PareError(
    `provider '${provider}': ONNX Runtime for ${process.platform} on ${process.arch} lacks it; it has ${choices.join(', ')}.`,
    { hint: `choose one of these with --provider. ${WHERE}` },
  )
}

const WHERE = 'There are builds with cuda for Linux and Windows, dml for Windows, coreml for macOS, webgpu for all three.'

/** What to do where a provider that is built in cannot start, or cannot run a model. */
export function providerHint(provider: Exclude<Provider, 'cpu'>): string {
  return `${CURES[provider]}; or leave --provider out, and it runs on the CPU.`
}

const CURES = {
  cuda: "install CUDA's driver and libraries, and with npm install onnxruntime-node --onnxruntime-node-install=cuda12 what ONNX Runtime needs",
  webgpu: 'check that the machine has a graphics driver: Vulkan on Linux, where libvulkan.so.1 must be found',
  dml: 'check that the machine has a driver for DirectX 12',
  coreml: 'check that this macOS has Core ML',
} satisfies Record<Exclude<Provider, 'cpu'>, string>
