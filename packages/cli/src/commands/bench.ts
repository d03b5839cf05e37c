import { rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { type AxisSizes, countParameters, macCount, totalMacs } from '@pare/core'
import type { Latency, LatencyCase, LatencyRequest } from '@pare/evaluate'
import { atSizes, formatBytes, formatCount } from '@pare/gate'
import { makeTemporaryFolder, present, writeModel } from '@pare/onnx'
import { quantise } from '@pare/quantise'
import { type FoldingWork, openFolded } from '../engine/folding.js'
import { childOf, type Engine, engineOf } from '../engine/work.js'
import { showPath } from '../files/paths.js'
import { modelFilesOf, type OpenedLocation } from '../folder/model-folder.js'
import { type OptionValues, overridesOf, ownOf } from '../options/overrides.js'
import { bytesOf } from '../pipeline/facts/facts.js'
import { answer, type Context, say } from '../terminal/context.js'
import { EXIT } from '../terminal/exit.js'
import { type Failure, usage } from '../terminal/failure.js'
import { renderTable } from '../terminal/table.js'
import { renderDevice } from '../views/bench-device.js'
import { renderSparse } from '../views/bench-sparse.js'
import { describeSpeed, formatMs, ratio } from '../views/speed.js'

/** What `--json` prints of two models. */
export interface BenchResult extends TimedModel {
  readonly schemaVersion: 1
  readonly command: 'bench'
}

/** What `--json` prints of folders with models that belong together. */
export interface BenchedModels {
  readonly schemaVersion: 1
  readonly command: 'bench'
  readonly models: readonly TimedModel[]
}

/** A model beside its reference. */
export interface TimedModel extends BenchPair {
  /** Other models beside the same reference. */
  readonly beside?: readonly BenchPair[]
}

/** Two models, and how long they take. */
export interface BenchPair extends Latency {
  readonly reference: ModelSize
  readonly pruned: ModelSize
}

export interface ModelSize {
  readonly path: string
  /** With external data. */
  readonly bytes: number
  readonly parameters: number
  /** For one sample. Null where a shape does not follow from the model. */
  readonly macs: number | null
  /** Sizes of all axes that the reference leaves open, at which MACs are counted. */
  readonly macsAt: AxisSizes
}

/** `pare bench REFERENCE PRUNED`: how much smaller and how much faster the second model is, or each model of the second folder. */
export async function bench(
  context: Context,
  [reference = '', pruned = '']: readonly string[],
  values: OptionValues,
): Promise<number> {
  const { cwd } = context.io
  const { provider, seed } = overridesOf('bench', values)
  const { batch, sparse, ...more } = ownOf('bench', values)
  const { baselines, ...timing } = more
  const isOne = pruned === ''
  if (isOne && baselines === undefined)
    throw usage(
      `pare bench: ${reference} is one model, and a model is timed beside another.`,
      'name a second one, or time it beside itself in fewer bits: --baselines int8,int4',
    )
  const engine = engineOf(context, present({ provider }))
  const work = { signal: context.io.signal, progress: context.progress, engine }
  const request = { ...timing, ...present({ batches: batch, seed }), ...(sparse === false && { sparse: 'never' as const }) }
  const shared = { context, engine, work, request }
  const located: AsyncDisposable[] = []
  await using _ = {
    async [Symbol.asyncDispose]() {
      for (const each of located) await each[Symbol.asyncDispose]()
    },
  }
  const named = async (shown: string): Promise<readonly ShownModel[]> => {
    const opened = await modelFilesOf(resolve(cwd, shown))
    located.push(opened)
    const { choice, models } = opened
    if (choice !== undefined) context.progress.note(`model: ${choice}`)
    const nameOf = ({ path, pair }: OpenedLocation) => (models.length === 1 ? shown : showPath(pair?.models.first ?? path, cwd))
    return models.map((model) => ({ path: model.path, shown: nameOf(model), ...present({ bytes: model.pair?.bytes }) }))
  }
  const first = await named(reference)
  const others = isOne ? undefined : await named(pruned)
  if (others !== undefined && others.length !== first.length) throw noPartners([reference, first], [pruned, others])
  await using folder = await temporaryFolder()
  const results: TimedModel[] = []
  for (const [i, model] of first.entries()) {
    const pairs: BenchPair[] = others === undefined ? [] : [await timePair(model, others[i]!, shared)]
    for (const method of new Set(baselines)) {
      const path = join(folder.path, `${i}-${method}.onnx`)
      {
        await using opened = await openFolded(model.path, { ...work, label: model.shown })
        await writeModel((await quantise(opened.model, { method })).model, path, { signal: work.signal })
      }
      pairs.push(await timePair(model, { path, shown: `${model.shown} in ${method}` }, shared))
    }
    const [pair, ...beside] = pairs as [BenchPair, ...BenchPair[]]
    results.push({ ...pair, ...(beside.length > 0 && { beside }) })
  }
  const result: BenchResult | BenchedModels = {
    ...{ schemaVersion: 1, command: 'bench' },
    ...(results.length === 1 ? results[0]! : { models: results }),
  }
  answer(context, result)
  say(context, results, (shown, columns) =>
    shown
      .flatMap(({ beside = [], ...pair }) => [pair, ...beside])
      .map((one) => render(one, columns))
      .join('\n\n'),
  )
  return EXIT.pass
}

/** Models of two folders are timed in their order: an encoder beside an encoder, a decoder beside a decoder. */
function noPartners(...both: readonly [string, readonly ShownModel[]][]): Failure {
  const [one, other] = both.map(([name, models]) => `${name} is ${models.length === 1 ? 'one model' : `${models.length} models`}`)
  return usage(
    `pare bench: ${one} and ${other}: each model is timed beside its counterpart.`,
    `name one of the files in both places: ${both.map(([, models]) => models[0]!.shown).join(' ')}`,
  )
}

interface ShownModel {
  /** Absolute. */
  readonly path: string
  /** What it is called. */
  readonly shown: string
  /** Of the files that it was joined from. Default: it is a file of its own */
  readonly bytes?: number
}

interface Shared {
  readonly context: Context
  readonly engine: Engine
  readonly work: Sizing['work']
  readonly request: Omit<LatencyRequest, 'reference' | 'pruned'>
}

async function timePair(
  reference: ShownModel,
  pruned: ShownModel,
  { context, engine, work, request }: Shared,
): Promise<BenchPair> {
  const before = await sizeOf(reference, { work, dims: request.dims ?? {} })
  const after = await sizeOf(pruned, { work, dims: before.macsAt })
  const paths = { reference: reference.path, pruned: pruned.path }
  return { reference: before, pruned: after, ...(await time({ ...paths, ...request }, engine, context)) }
}

async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = makeTemporaryFolder('bench')
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

interface Sizing {
  readonly work: Omit<FoldingWork, 'label'>
  readonly dims: AxisSizes
}

async function sizeOf({ path, shown, bytes }: ShownModel, { work, dims }: Sizing): Promise<ModelSize> {
  await using opened = await openFolded(path, { ...work, label: shown })
  const { file, model } = opened
  const { elements } = await countParameters(model)
  const count = await macCount(model, dims)
  return { path: shown, bytes: bytes ?? bytesOf(file), parameters: elements, macs: totalMacs(count), macsAt: count.sizes }
}

async function time(request: LatencyRequest, engine: Engine, { io, progress }: Context): Promise<Latency> {
  const { benchModels } = await import('@pare/evaluate')
  const activity = progress.begin('timing both models in turn')
  try {
    return await benchModels(request, {
      ...childOf(engine),
      signal: io.signal,
      onProgress: ({ done, total }) => activity.update(done, total ?? 0),
    })
  } finally {
    activity.end()
  }
}

function render(result: BenchPair, columns: number): string {
  const { reference, pruned, cases, onnxruntime, executionProvider, identical } = result
  const size = (name: string, one: number | null, other: number | null, format: (value: number) => string) =>
    one === null || other === null ? [name, '?', '?', ''] : [name, format(one), format(other), `${ratio(other / one)}×`]
  const sizes = renderTable(
    ['', reference.path, pruned.path, ''],
    [
      size('file', reference.bytes, pruned.bytes, formatBytes),
      size('parameters', reference.parameters, pruned.parameters, formatCount),
      size(`MACs${atSizes(reference.macsAt)}`, reference.macs, pruned.macs, formatCount),
    ],
    { columns },
  )
  return [
    sizes,
    '',
    renderCases(cases, columns),
    '',
    ...(identical ? ['Both files are the same, byte for byte: any difference is the noise of this machine.'] : []),
    `Medians of a run on ONNX Runtime ${onnxruntime}, ${executionProvider}.${describeSizes(cases)}`,
    ...[renderSparse(cases, columns), renderDevice(cases, columns)].flatMap((text) => (text === undefined ? [] : ['', text])),
  ].join('\n')
}

function renderCases(cases: readonly LatencyCase[], columns: number): string {
  const thirdOf = ({ sparse, device }: LatencyCase) =>
    sparse?.timed ?? (device !== null && 'timed' in device ? device.timed : undefined)
  const hasThird = cases.some((each) => thirdOf(each) !== undefined)
  const name = cases.some(({ sparse }) => sparse?.timed != null) ? 'sparse' : 'own kernels'
  const head = hasThird
    ? ['threads', 'batch', 'reference', 'pruned', name, 'pruned to reference', `${name} to reference (95 % interval)`]
    : ['threads', 'batch', 'reference', 'pruned', '95 % interval in brackets']
  const rows = cases.map((each) => {
    const timed = thirdOf(each)
    const more = timed === undefined ? ['dense', 'as dense'] : [formatMs(timed.ms), describeSpeed(timed.overReference)]
    return [
      String(each.threads),
      String(each.batch),
      formatMs(each.referenceMs),
      formatMs(each.prunedMs),
      ...(hasThird ? [more[0]!] : []),
      describeSpeed(each),
      ...(hasThird ? [more[1]!] : []),
    ]
  })
  return renderTable(head, rows, { columns })
}

/** Sizes that are the same in all cases. */
function describeSizes(cases: readonly LatencyCase[]): string {
  const all = Object.entries(cases[0]?.sizes ?? {})
  const same = all.filter(([name, size]) => cases.every(({ sizes }) => sizes[name] === size))
  return same.length === 0
    ? ''
    : ` Open sizes are ${same.map(([name, size]) => `${name}=${size}`).join(', ')}; change them with --dims.`
}
