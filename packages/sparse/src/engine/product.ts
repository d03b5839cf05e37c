import { type Item, type KernelCall, SCRATCH } from '@pare/wasm/threads'
import type { PackedRows, PackedTiles } from '../formats.js'
import type { Activation } from '../kernels/activations.js'
import { hasVectorKernel, panelName, type TileKind, vectorName, WIDTHS, widestPanel } from '../kernels/modules.js'
import { type BlockedChunk, blocked } from '../layout/blocked.js'
import { type ChunkOf, chunksOf } from '../layout/chunks.js'
import { streamed } from '../layout/streamed.js'
import { singleElements, tileSizeOf, widened } from '../pack.js'
import type { EngineSetting } from './setting.js'

/** A sparse weight in memory, ready to be multiplied with. */
export interface SparseProduct {
  readonly out: number
  readonly in: number
  /** f32[samples, out] at `y` = activation(f32[samples, in] at `x` · Wᵀ + bias). Blocks this thread. */
  run(x: number, y: number, samples: number, how?: How): void
}

export interface How {
  /** How samples lie in memory: [samples, in] and [samples, out], or [in, samples] and [out, samples]. Default: 'rows' */
  readonly samples?: 'rows' | 'columns'
  /** Whether x is what the product before this one had, unchanged, at the same place. Default: false */
  readonly same?: boolean
}

export interface Epilogue {
  /** f32[out] */
  readonly bias?: Float32Array
  readonly activation?: Activation
}

export function kindOf(matrix: PackedRows | PackedTiles): TileKind {
  const { tileRows: rows, tileColumns: columns } = tileSizeOf(matrix)
  const { values } = matrix
  return { rows, columns, values: values instanceof Float32Array ? 'f32' : values instanceof Uint16Array ? 'f16' : 'i8' }
}

export function loadProduct(
  setting: EngineSetting,
  matrix: PackedRows | PackedTiles,
  { bias, activation }: Epilogue,
): SparseProduct {
  const { out, in: inputs } = matrix
  const chunks = chunksOf(matrix, setting.count)
  const biasAddress = setting.memory.allocate(4 * out, 'a bias')
  if (bias !== undefined) setting.memory.floats(biasAddress, out).set(bias)
  const weight: Weight = { setting, matrix, kind: kindOf(matrix), chunks, biasAddress, activation }
  const panels = lazily(() => panelProduct(weight))
  const vector = lazily(() => vectorProduct(weight) ?? panels())
  return {
    out,
    in: inputs,
    run(x, y, samples, how = {}) {
      if (samples === 0 || out === 0) return
      const run = samples === 1 ? vector() : panels()
      run(x, y, samples, how)
    },
  }
}

interface Weight {
  readonly setting: EngineSetting
  readonly matrix: PackedRows | PackedTiles
  readonly kind: TileKind
  readonly chunks: readonly ChunkOf[]
  readonly biasAddress: number
  readonly activation: Activation | undefined
}

type Run = (x: number, y: number, samples: number, how: How) => void

/** Bytes of a block of x: the first-level cache of what is common. */
const BLOCK_BYTES = 32768

function panelProduct(weight: Weight): Run {
  const { setting, chunks, biasAddress, activation } = weight
  const matrix = forPanels(weight)
  const kind = kindOf(matrix)
  const { numbers, threads, relaxed } = setting
  const { out, in: inputs } = matrix
  const widest = widestPanel(kind, relaxed)
  const layout = blocked(matrix, chunks, BLOCK_BYTES / 16 / widest)
  const parts = layout.chunks.map((chunk) => ({ ...chunk, ...store(setting, chunk) }))
  const number = (name: string) => numbers.get(name)!
  // Tiles at the edge read inputs that there are not, which must be numbers.
  const padded = Math.ceil((Math.ceil(inputs / kind.columns) * kind.columns) / 4) * 4

  return (x, y, samples, { samples: layout = 'rows', same = false }) => {
    const panels = panelsOf(samples, widest)
    const xs = setting.area(4 * padded * panels.reduce((sum, { vectors }) => sum + 4 * vectors, 0))
    const packed = panels.map((panel) => ({ ...panel, address: xs + 16 * padded * panel.before, all: samples, layout }))
    const packing = [xs, x, samples, layout, widest, padded].join()
    if (!same || setting.packed.is !== packing) threads.run(packed.flatMap((panel) => packItems(panel, x)))
    setting.packed.is = packing
    // Panel by panel for each chunk: the chunk, which is larger, is read from memory once.
    threads.run(parts.flatMap((part) => packed.map((panel) => productItem(panel, part, y))))
  }

  function packItems({ first, count, vectors, address, all, layout }: PackedPanel, x: number): Item[] {
    const stretch = setting.count === 1 ? inputs : PACK_STRETCH
    const items: KernelCall[][] = []
    for (let from = 0; from < inputs; from += stretch) {
      const size = Math.min(stretch, inputs - from)
      const target = address + 16 * vectors * from
      items.push([
        layout === 'rows'
          ? [number(`pack ${vectors}`), x + 4 * (first * inputs + from), target, count, size, 4 * inputs]
          : [number(`packColumns ${vectors}`), x + 4 * (first + from * all), target, size, 4 * all],
      ])
    }
    if (padded > inputs && kind.columns > 1) {
      items.at(-1)?.push([number('zero'), address + 16 * vectors * inputs, 16 * vectors * (padded - inputs)])
    }
    return items
  }

  function productItem({ first, count, vectors, address, all, layout: samples }: PackedPanel, part: Stored, y: number): Item {
    const { firstRow, rows } = part
    const step = 16 * vectors * layout.blockInputs
    return [
      [number(`fill ${vectors}`), SCRATCH, biasAddress + 4 * firstRow, rows],
      [number(panelName(kind, vectors)), address, SCRATCH, part.headers, part.indices, part.values, step, layout.blocks],
      ...(activation === undefined ? [] : [[number(activation), SCRATCH, 4 * vectors * rows] as const]),
      samples === 'rows'
        ? [number(`unpack ${vectors}`), SCRATCH, y + 4 * (first * out + firstRow), count, rows, 4 * out]
        : [number(`unpackColumns ${vectors}`), SCRATCH, y + 4 * (first + firstRow * all), count, rows, 4 * all],
    ]
  }
}

/**
 * Many samples share the reading of a value: widening it each time would only cost. Engines without relaxed SIMD run out of registers with several inputs at a
 * time.
 */
function forPanels({ matrix, setting }: Weight): PackedRows<Float32Array> | PackedTiles<Float32Array> {
  const floats = widened(matrix)
  return setting.relaxed || floats.kind !== 'tiles' || floats.tileRows > 1 ? floats : singleElements(floats)
}

type PackedPanel = Panel & { readonly address: number; readonly all: number; readonly layout: 'rows' | 'columns' }

/** Inputs that a thread packs at a time. */
const PACK_STRETCH = 1024

interface Panel {
  /** The first sample. */
  readonly first: number
  /** Samples, at most 4 · vectors. */
  readonly count: number
  readonly vectors: number
  /** Vectors of the panels before. */
  readonly before: number
}

/** As many of the widest as fill up, and the narrowest that holds the rest. */
function panelsOf(samples: number, widest: number): Panel[] {
  const panels: Panel[] = []
  for (let first = 0, before = 0; first < samples; ) {
    const left = samples - first
    const vectors = left >= 4 * widest ? widest : WIDTHS.find((width) => 4 * width >= left)!
    panels.push({ first, count: Math.min(left, 4 * vectors), vectors, before })
    first += 4 * vectors
    before += vectors
  }
  return panels
}

type Stored = ChunkOf & { readonly headers: number; readonly indices: number; readonly values: number }

function store(setting: EngineSetting, { headers, indices, values }: BlockedChunk) {
  return {
    headers: storeBytes(setting, bytesOf(headers)),
    indices: storeBytes(setting, bytesOf(indices)),
    values: storeBytes(setting, bytesOf(values)),
  }
}

function storeBytes({ memory }: EngineSetting, bytes: Uint8Array): number {
  const address = memory.allocate(bytes.length, 'a weight')
  memory.bytes(address, bytes.length).set(bytes)
  return address
}

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView) => new Uint8Array(buffer, byteOffset, byteLength)

/** The product of one sample, where there is a kernel for it. */
function vectorProduct(weight: Weight): Run | undefined {
  const { setting, matrix, kind, chunks, biasAddress, activation } = weight
  if (!hasVectorKernel(kind)) return undefined
  const { memory, numbers, threads } = setting
  const { portions, portionInputs, chunks: parts } = streamed(matrix, chunks)
  const stored = parts.map(({ firstRow, rows, streams }) => ({
    firstRow,
    rows,
    streams: streams.map(({ bands, bytes }) => ({ bands, address: storeBytes(setting, bytes) })),
  }))
  const number = (name: string) => numbers.get(name)!
  const scales = matrix.scales && storeBytes(setting, bytesOf(matrix.scales))
  // Sums of tall tiles may reach past the last row, so they are made in the thread's own area.
  const aside = kind.rows > 1

  return (x, y) => {
    for (let portion = 0; portion < portions; portion++) {
      const from = portion * portionInputs
      const inputs = Math.min(portionInputs, matrix.in - from)
      memory.floats(setting.x, inputs).set(memory.floats(x + 4 * from, inputs))
      memory.floats(setting.x + 4 * inputs, kind.columns).fill(0)
      threads.run(stored.map((part) => itemOf(part, portion, y)))
    }
  }

  function itemOf({ firstRow, rows, streams }: (typeof stored)[number], portion: number, y: number): Item {
    const [at, bias] = [y + 4 * firstRow, biasAddress + 4 * firstRow]
    const { bands, address } = streams[portion]!
    const sums = aside ? SCRATCH : at
    const call = (name: string, ...parameters: number[]): KernelCall => [number(name), ...parameters]
    const copied = (to: number, from: number) => (to === from ? [] : [call('copy', to, from, 4 * rows)])
    const isLast = portion + 1 === portions
    const begin = portion > 0 ? copied(sums, at) : scales === undefined ? copied(sums, bias) : [call('zero', sums, 4 * rows)]
    const scaled = (by: number) => [call('mul', at, sums, by + 4 * firstRow, rows), call('add', at, at, bias, rows)]
    return [
      ...begin,
      ...(bands === 0 ? [] : [call(vectorName(kind), sums, address, bands)]),
      ...(isLast && scales !== undefined ? scaled(scales) : copied(at, sums)),
      ...(isLast && activation !== undefined ? [call(activation, at, rows)] : []),
    ]
  }
}

function lazily<T>(make: () => T): () => T {
  let memo: { readonly value: T } | undefined
  return () => {
    memo ??= { value: make() }
    return memo.value
  }
}
