import { availableParallelism } from 'node:os'
import { basename, resolve } from 'node:path'
import { openModel, PareError } from '@pare/onnx'
import { loadOnnxRuntime, type OnnxRuntime } from '@pare/onnxruntime'
import type * as Ort from 'onnxruntime-common'
import { allInputsFor, type Batch } from '../data/dataset.js'
import type { ModelValue } from '../data/model-value.js'
import { type DataArray, type Elements, isElementType, type NdArray } from '../data/ndarray.js'
import type { StartTokens } from '../data/text/start-tokens.js'
import { type BatchAxis, batchAxisOf, checkBatchAxis, moveAxis, samplesFirst } from './batch-axis.js'
import { type Provider, providerHint, providerOptions } from './provider.js'
import { runFailure } from './run-failure.js'

/** ONNX Runtime, loaded. */
export interface Runtime {
  readonly ort: OnnxRuntime
  readonly version: string
  /** On which all sessions run. */
  readonly provider: Provider
}

export interface RuntimeOptions {
  /** An onnxruntime-node package. Default: the one that the project has, or that was fetched before. */
  readonly folder?: string | undefined
  /** Default: 'cpu' */
  readonly provider?: Provider | undefined
}

/** A model ready to run. */
export interface Session extends AsyncDisposable {
  readonly name: string
  readonly inputs: readonly ModelValue[]
  readonly outputs: readonly ModelValue[]
  /** Of an encoder with its decoder: both. What they take is the encoder's, what they give the decoder's. Absent: it is one model */
  readonly pair?: EncoderDecoder
  /** One output for the batch, [size, …]. Blocks this thread while it runs. */
  run(batch: Batch, output: string): Promise<NdArray>
  /** All outputs for the batch, by name. Blocks this thread while it runs. */
  runBatch(batch: Batch): Promise<Record<string, NdArray>>
  /** All outputs for these inputs, in the order of `outputs`. Blocks this thread while it runs. */
  runAll(inputs: Readonly<Record<string, NdArray>>): Promise<NdArray[]>
}

/** A decoder with the encoder that reads for it. */
export interface EncoderDecoder extends StartTokens {
  readonly encoder: Session
  readonly decoder: Session
}

/** Loads ONNX Runtime. Throws PareError where that fails. */
export function loadRuntime({ folder, provider = 'cpu' }: RuntimeOptions = {}): Runtime {
  const ort = loadOnnxRuntime(folder)
  return { ort, version: ort.env.versions.node ?? 'unknown', provider }
}

export interface SessionOptions {
  /** Default: all cores. */
  readonly threads?: number
  /** Whether external data may be hard links, as in caches of model hubs. Default: false. */
  readonly trusted?: boolean
  /** Whether batches have their samples on the first axis where the model has them on another that it names batch or N: they are turned, and outputs back; 'inputs' are turned alone. Default: false */
  readonly samplesFirst?: boolean | 'inputs'
  /** The axis of samples, with `samplesFirst`, where its name does not tell. Default: as its name says, else the first */
  readonly batchAxis?: BatchAxis | undefined
  /**
   * Whether threads wait for work busily while the model runs, as they do unless told otherwise, and not between runs. It is faster, and takes
   * the processor from others. Default: false.
   */
  readonly spinning?: boolean
  /** Whether ONNX Runtime may rewrite the graph before it runs. Default: true. */
  readonly optimized?: boolean
  /**
   * Whether it computes as the model is written. ONNX Runtime else rounds floats of its own to 8 bits where weights behind DequantizeLinear are multiplied
   * with them. Default: false
   */
  readonly literal?: boolean
  /**
   * Whether sums of products of uint8 and int8 are exact on every CPU. Else ONNX Runtime clips sums of two to 16 bits on those without VNNI. Version 1.30 fails then
   * where DequantizeLinear of several scales has no zero point. Default: false
   */
  readonly precise?: boolean
}

/** Opens the model from its path, so that external data beside it are found. */
export async function openSession(runtime: Runtime, path: string, options: SessionOptions = {}): Promise<Session> {
  const { ort } = runtime
  // ONNX Runtime reads any file that the model names in its folder. Ours refuses links and explains what is broken.
  await using file = await openModel(path, { allowHardLinks: options.trusted ?? false })
  const session = await createSession(runtime, path, options)
  await file.confirmFiles()
  const declared = { inputs: session.inputMetadata.flatMap(toModelValue), outputs: session.outputMetadata.flatMap(toModelValue) }
  const { batchAxis } = options
  if (options.samplesFirst === true) checkBatchAxis(batchAxis, [...declared.inputs, ...declared.outputs])
  const isTurned = options.samplesFirst === true || options.samplesFirst === 'inputs'
  const inputs = isTurned ? declared.inputs.map((input) => samplesFirst(input, batchAxis)) : declared.inputs
  const axisOf = (value: ModelValue | undefined) => (isTurned && value !== undefined ? batchAxisOf(value, batchAxis) : 0)
  const feedsOf = (batch: Batch) =>
    Object.fromEntries(
      Object.entries(allInputsFor(inputs, batch)).map(([name, array]) => {
        const axis = axisOf(declared.inputs.find((input) => input.name === name))
        return [name, toTensor(ort, moveAxis(array, 0, axis))]
      }),
    )
  const resultOf = (name: string, tensor: Ort.Tensor) => {
    const array = toArray(tensor, path)
    if (options.samplesFirst !== true) return array
    return moveAxis(array, axisOf(declared.outputs.find((output) => output.name === name)), 0)
  }
  return {
    name: basename(path),
    inputs,
    outputs: declared.outputs,
    async run(batch, output) {
      const results = await session.run(feedsOf(batch), [output]).catch((cause: Error) => {
        throw runFailure(path, batch, cause)
      })
      return resultOf(output, results[output]!)
    },
    async runBatch(batch) {
      const results = await session.run(feedsOf(batch)).catch((cause: Error) => {
        throw runFailure(path, batch, cause)
      })
      return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, resultOf(name, tensor)]))
    },
    async runAll(arrays) {
      const feeds = Object.entries(arrays).map(([name, array]) => [name, toTensor(ort, array)])
      const results = await session.run(Object.fromEntries(feeds))
      return session.outputNames.map((name) => toArray(results[name]!, path))
    },
    [Symbol.asyncDispose]: () => session.release(),
  }
}

function loadFailure(path: string, provider: Provider, cause: Error): PareError {
  const on = provider === 'cpu' ? '' : ` on provider '${provider}'`
  return new PareError(`${path}: ONNX Runtime cannot load the model${on}: ${cause.message}`, {
    hint: provider === 'cpu' ? 'check the file; pare inspect MODEL shows what is in it.' : providerHint(provider),
    cause,
  })
}

/** ONNX Runtime's own session, for what `Session` does not do. The model is taken as it is. */
export async function createSession(
  { ort, provider }: Runtime,
  path: string,
  { threads = availableParallelism(), spinning = false, optimized = true, literal = false, precise = false }: SessionOptions = {},
): Promise<Ort.InferenceSession> {
  const options = {
    ...providerOptions(ort, provider),
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
    ...(optimized ? {} : { graphOptimizationLevel: 'disabled' as const }),
    // Threads that wait for work must not keep other processes from theirs: runners are shared.
    extra: {
      session: {
        intra_op: { allow_spinning: spinning ? '1' : '0' },
        force_spinning_stop: spinning ? '1' : '0',
        ...(literal && { disable_quant_qdq: '1' }),
        ...(precise && { x64quantprecision: '1' }),
      },
    },
  } as const
  return ort.InferenceSession.create(resolve(path), options).catch((cause: Error) => {
    throw loadFailure(path, provider, cause)
  })
}

export function toTensor(ort: OnnxRuntime, { type, data, shape }: DataArray): Ort.Tensor {
  return new ort.Tensor(type, data as never, shape)
}

/** An input or output of a session, in a list; none where it is not a tensor. */
export function toModelValue(value: Ort.InferenceSession.ValueMetadata): ModelValue[] {
  return value.isTensor ? [{ name: value.name, type: value.type, shape: value.shape }] : []
}

export function toArray({ type, dims, data }: Ort.Tensor, path: string): NdArray {
  // Metrics of text and of names of classes read them.
  if (type === 'string') return { type, shape: dims, data } as unknown as NdArray
  if (!isElementType(type))
    throw new PareError(`${path}: an output of type ${type} cannot be measured.`, { hint: 'name another output.' })
  return { type, shape: dims, data: data as Elements }
}
