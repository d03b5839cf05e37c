import { availableParallelism, cpus } from 'node:os'
import { PareError } from '@pare/core'
import { formatBytes } from '@pare/gate'
import type { AdapterFacts } from '@pare/gpu'
import { answer, type Context, say } from '../terminal/context.js'
import { EXIT } from '../terminal/exit.js'
import { renderTable } from '../terminal/table.js'

/** What can compute here. */
interface Devices {
  readonly cpu: { readonly name: string; readonly threads: number }
  readonly adapters: readonly AdapterFacts[]
  /** Why there are no adapters. */
  readonly problem?: { readonly message: string; readonly hint?: string }
  /** Execution providers of ONNX Runtime. */
  readonly providers: readonly { readonly name: string; readonly bundled: boolean }[]
}

/** `pare devices`: GPUs that WebGPU finds, and what ONNX Runtime can run models on. */
export async function devices(context: Context): Promise<number> {
  const machine: Devices = {
    cpu: { name: cpus()[0]?.model.trim() ?? 'unknown', threads: availableParallelism() },
    ...(await findAdapters()),
    providers: await findProviders(context),
  }
  answer(context, { schemaVersion: 1, command: 'devices', ...machine })
  say(context, machine, render)
  return EXIT.pass
}

async function findAdapters(): Promise<Pick<Devices, 'adapters' | 'problem'>> {
  const { adaptersOf, factsOf, openEntry } = await import('@pare/gpu')
  try {
    const adapters = (await adaptersOf(await openEntry())).map(factsOf)
    if (adapters.length > 0) return { adapters }
    return { adapters, problem: { message: 'WebGPU finds no adapter on this machine.', hint: 'install the driver of the GPU.' } }
  } catch (error) {
    if (!(error instanceof PareError)) throw error
    const { message, hint } = error
    return { adapters: [], problem: { message, ...(hint && { hint }) } }
  }
}

async function findProviders({ io, progress }: Context): Promise<Devices['providers']> {
  const { loadOnnxRuntime, provideOnnxRuntime } = await import('@pare/onnxruntime')
  const ort = loadOnnxRuntime(await provideOnnxRuntime({ onFetch: progress.note, signal: io.signal }))
  return ort.listSupportedBackends().map(({ name, bundled }) => ({ name, bundled }))
}

function render({ cpu, adapters, problem, providers }: Devices, columns: number): string {
  const rows = adapters.map(({ name, software, subgroups, features, limits }) => [
    name,
    software ? 'software' : 'gpu',
    subgroups === undefined ? 'none' : subgroups.min === subgroups.max ? `${subgroups.min}` : `${subgroups.min}–${subgroups.max}`,
    features.includes('shader-f16') ? 'yes' : 'no',
    formatBytes(limits.maxStorageBufferBindingSize),
  ])
  const gpu =
    problem === undefined
      ? renderTable(['adapter', 'kind', 'subgroups', 'f16', 'largest buffer'], rows, { columns })
      : [`gpu  ${problem.message}`, ...(problem.hint === undefined ? [] : [`  hint: ${problem.hint}`])].join('\n')
  const runs = providers.map(({ name, bundled }) => (bundled ? name : `${name} (needs libraries of its own)`)).join(', ')
  return `cpu  ${cpu.name}, ${cpu.threads} threads\n\n${gpu}\n\nONNX Runtime runs on: ${runs}`
}
