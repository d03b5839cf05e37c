import { copy, type Definition, define, f32x4, moduleOf, zero } from '@pare/wasm'
import { ACTIVATIONS, activationKernel } from './activations.js'
import { panelKernel } from './panel-kernel.js'
import { normKernel, pairKernel } from './row-kernels.js'
import { fillKernel, packColumnsKernel, packKernel, unpackColumnsKernel, unpackKernel } from './transpose-kernels.js'
import type { ValueKind, Variant } from './values.js'
import { streamKernel } from './vector-kernels.js'

/** A tile's size, and how its values are stored where they meet one sample. */
export interface TileKind {
  readonly rows: number
  readonly columns: number
  readonly values: ValueKind
}

/** Functions of a module, in the order of their numbers. All parameters are whole numbers, most of them addresses. */
export interface KernelSet {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly numbers: ReadonlyMap<string, number>
}

/** Vectors of four samples that a panel may have. */
export const WIDTHS = [1, 2, 4, 8] as const

/** Whether the engine knows relaxed SIMD: V8 from 11.4 on, Node 22. */
export function hasRelaxedSimd(): boolean {
  const probe = define('probe', ['v128'], ({ parameters, local }) => {
    const [a] = parameters
    return local('v128').set(f32x4.relaxedMadd(a.get, a.get, a.get))
  })
  return WebAssembly.validate(moduleOf([probe], 'plain'))
}

/** The most vectors a panel of this tile can have with all sums, and what is loaded beside them, in registers. */
export function widestPanel({ rows }: { rows: number }, relaxed: boolean): number {
  const sums = relaxed || rows > 1 ? 8 : 4
  return WIDTHS.findLast((vectors) => vectors * rows <= sums) ?? 1
}

/** Whether one sample has a kernel of its own: for single elements, and for tiles along one axis of a multiple of four. */
export function hasVectorKernel({ rows, columns }: { rows: number; columns: number }): boolean {
  return rows * columns === 1 || (Math.min(rows, columns) === 1 && (rows * columns) % 4 === 0)
}

export const panelName = ({ rows, columns }: TileKind, vectors: number) => `panel ${rows}×${columns} ${vectors}`
export const vectorName = ({ rows, columns, values }: TileKind) => `vector ${rows}×${columns} ${values}`

/** `x`: the address of the input of one sample. */
export function kernelSet(
  kinds: readonly TileKind[],
  { relaxed, memory, x }: { relaxed: boolean; memory: 'plain' | 'shared'; x: number },
): KernelSet {
  const functions = [
    define('copy', ['i32', 'i32', 'i32'], ({ parameters: [to, from, bytes] }) => copy(to!.get, from!.get, bytes!.get)),
    define('zero', ['i32', 'i32'], ({ parameters: [address, bytes] }) => zero(address!.get, bytes!.get)),
    pairKernel('add'),
    pairKernel('mul'),
    normKernel('layer', 'layer'),
    normKernel('rms', 'rms'),
    ...WIDTHS.flatMap((vectors) => [
      packKernel(`pack ${vectors}`, vectors),
      unpackKernel(`unpack ${vectors}`, vectors),
      packColumnsKernel(`packColumns ${vectors}`, vectors),
      unpackColumnsKernel(`unpackColumns ${vectors}`, vectors),
      fillKernel(`fill ${vectors}`, vectors),
    ]),
    ...ACTIVATIONS.map((activation) => activationKernel(activation, { relaxed })),
    ...distinct(kinds, (kind) => panelName(kind, 0)).flatMap((kind) => panelKernels(kind, { relaxed })),
    ...distinct(kinds.filter(hasVectorKernel), vectorName).map((kind) =>
      streamKernel(vectorName(kind), { ...kind, x }, { relaxed }),
    ),
  ]
  return {
    bytes: moduleOf(functions, memory),
    numbers: new Map(functions.map(({ name }, i) => [name, i])),
  }
}

const distinct = (kinds: readonly TileKind[], nameOf: (kind: TileKind) => string) => [
  ...new Map(kinds.map((kind) => [nameOf(kind), kind])).values(),
]

function panelKernels(kind: TileKind, variant: Variant): Definition[] {
  return WIDTHS.filter((vectors) => vectors <= widestPanel(kind, variant.relaxed)).map((vectors) =>
    panelKernel(panelName(kind, vectors), { ...kind, vectors }, variant),
  )
}
