import type { TracedTensor } from '@pare/core'
import type { CheckpointTensor } from './checkpoint.js'
import { shownPiece, type TensorMatch, type TensorPiece } from './match.js'
import { squeezed } from './strips.js'

/** What a plan makes of a tensor of a checkpoint. */
export interface TensorOutcome {
  readonly tensor: CheckpointTensor
  /** i32[left] for each axis: the positions that stay, in their new order. */
  readonly kept: readonly Int32Array[]
  /** Of a tensor with a matrix for each position of its first axis, which lose different rows or columns, as many each. Undefined: `kept` is of all */
  readonly planes?: readonly KeptPlane[]
  readonly isCut: boolean
  /** Stretches whose numbers are others now. */
  readonly rewritten: readonly RewrittenPiece[]
  /** The same numbers in other constants of the model: they have to become what this becomes. */
  readonly ties: readonly { readonly shown: string; readonly rewritten: readonly RewrittenPiece[] }[]
}

/** What stays of one matrix of several in a tensor. */
export interface KeptPlane {
  /** Position of the first axis. */
  readonly plane: number
  readonly kept: readonly [rows: Int32Array, columns: Int32Array]
}

/** Where the elements of a constant stand in a tensor, both as they are afterwards. */
export interface RewrittenPiece {
  readonly constant: TracedTensor
  /** [planes, rows, columns] of the constant afterwards; 1 plane where it has none. */
  readonly sizes: readonly [number, number, number]
  /** The plane that is meant. */
  readonly plane: number
  /** Of the constant: along which `first` and `count` are. */
  readonly axis: 0 | 1
  readonly first: number
  readonly count: number
  /** In the tensor afterwards: of its matrix, where the elements begin, and its columns. */
  readonly target: { readonly offset: number; readonly columns: number; readonly along: number }
}

/** What becomes of a tensor. 'gone': it went with what reads it. A text: why it cannot be said. */
export function outcomeOf({ tensor, pieces, ties }: TensorMatch): TensorOutcome | 'gone' | string {
  if (pieces.every(isGone))
    return ties.every(isGone) ? 'gone' : tieProblem(tensor.name, pieces[0]!, ties.find((tie) => !isGone(tie))!)
  const placed = placedIn(tensor, pieces)
  if (typeof placed === 'string') return placed
  if (placed.kept.some(({ length }) => length === 0)) return 'gone'
  const made: { shown: string; rewritten: readonly RewrittenPiece[] }[] = []
  for (const tie of ties) {
    const other = isGone(tie) ? 'gone' : placedIn(tensor, [tie])
    if (typeof other === 'string' || other.kept.join(';') !== placed.kept.join(';'))
      return tieProblem(tensor.name, pieces[0]!, tie)
    made.push({ shown: shownPiece(tie), rewritten: other.rewritten })
  }
  const isCut = placed.kept.some((kept, axis) => !isWhole(kept, tensor.shape[axis]!))
  const matters = [...pieces, ...ties].some(({ constant }) => constant.isRewritten)
  const { rewritten, ...left } = placed
  return { tensor, ...left, isCut, rewritten: matters ? rewritten : [], ties: matters ? made : [] }
}

function tieProblem(name: string, piece: TensorPiece, tie: TensorPiece): string {
  return `'${name}' stands for ${shownPiece(piece)} and for ${shownPiece(tie)}, of which the plan makes different things`
}

interface Placed extends Pick<TensorOutcome, 'kept' | 'planes'> {
  readonly rewritten: readonly RewrittenPiece[]
}

/** Pieces of a matrix, as they are afterwards. */
interface PlacedMatrix {
  readonly kept: readonly [Int32Array, Int32Array]
  readonly rewritten: readonly Omit<RewrittenPiece, 'target'>[]
  /** Where each begins, along its axis. */
  readonly starts: readonly number[]
  readonly axis: 0 | 1
}

function placedIn(tensor: CheckpointTensor, pieces: readonly TensorPiece[]): Placed | string {
  const { name, shape } = tensor
  const byPlane = new Map<number | undefined, TensorPiece[]>()
  for (const piece of pieces) byPlane.set(piece.plane, [...(byPlane.get(piece.plane) ?? []), piece])
  const placed: PlacedMatrix[] = []
  const keptPlanes: number[] = []
  for (const [plane, own] of byPlane) {
    if (own.every(isGone)) continue
    const matrix = matrixOf(name, own)
    if (typeof matrix === 'string') return matrix
    placed.push(matrix)
    if (plane !== undefined) keptPlanes.push(plane)
  }
  const [first] = placed as [PlacedMatrix]
  const [rows, columns] = first.kept
  const other = placed.find(({ kept }) => kept[0].length !== rows.length || kept[1].length !== columns.length)
  if (other !== undefined)
    return `'${name}' would keep [${rows.length},${columns.length}] of one of its matrices and [${other.kept.map(({ length }) => length)}] of another (--uniform takes as much of each)`
  const isSame = placed.every(({ kept }) => kept[0].join() === rows.join() && kept[1].join() === columns.join())
  const sizes = squeezed(shape)
  const tail = keptPlanes.length > 0 ? undefined : keptInTail(columns, sizes.slice(1))
  if (keptPlanes.length === 0 && tail === undefined)
    return `'${name}' [${shape}] has its axes otherwise than ${shownPiece(pieces[0]!)} [${pieces[0]!.constant.before.shape}], along which the plan cuts`
  const own = keptPlanes.length > 0 ? [Int32Array.from(keptPlanes), rows, columns] : [rows, ...tail!].slice(0, sizes.length)
  const left = own[Symbol.iterator]()
  const kept = shape.map((size) => (size === 1 ? Int32Array.of(0) : (left.next().value as Int32Array)))
  const elements = rows.length * columns.length
  const rewritten = placed.flatMap((matrix, plane) =>
    matrix.rewritten.map((piece, i) => {
      const begin = matrix.starts[i]! * (matrix.axis === 0 ? columns.length : 1)
      return { ...piece, target: { offset: plane * elements + begin, columns: columns.length, along: matrix.axis } }
    }),
  )
  const planes = keptPlanes.map((plane, i) => ({ plane, kept: placed[i]!.kept }))
  return { kept, rewritten, ...(!isSame && { planes }) }
}

function matrixOf(name: string, pieces: readonly TensorPiece[]): PlacedMatrix | string {
  const axis = pieces[0]!.axis
  const along: number[] = []
  let across: Int32Array | undefined
  const starts: number[] = []
  const rewritten: Omit<RewrittenPiece, 'target'>[] = []
  for (const piece of pieces) {
    const { constant, constantPlane, isTurned, start, constantStart, count } = piece
    if (isGone(piece)) return `of '${name}' a part, ${shownPiece(piece)}, goes with what reads it, and the rest stays`
    const { kept, sizes, plane } = viewAfter(constant, constantPlane)
    const own = isTurned ? ((1 - axis) as 0 | 1) : axis
    const isMeant = (at: number) => at >= constantStart && at < constantStart + count
    const first = kept[own].findIndex(isMeant)
    const last = kept[own].findLastIndex(isMeant)
    const meant = first < 0 ? new Int32Array(0) : kept[own].slice(first, last + 1)
    if (!meant.every(isMeant)) return `'${name}' is a part of ${shownPiece(piece)}, whose parts the plan mixes`
    const other = kept[(1 - own) as 0 | 1]
    if (across !== undefined && across.join() !== other.join())
      return `'${name}' would lose other positions in ${shownPiece(piece)} than in ${shownPiece(pieces[0]!)}`
    across = other
    starts.push(along.length)
    for (const at of meant) along.push(at - constantStart + start)
    rewritten.push({ constant, sizes, plane, axis: own, first: Math.max(first, 0), count: meant.length })
  }
  const [one, two] = [Int32Array.from(along), across!]
  return { kept: axis === 0 ? [one, two] : [two, one], rewritten, starts, axis }
}

/** A constant, or one plane of it, as a matrix: what stays of its rows and columns. */
function viewAfter({ before, kept }: TracedTensor, plane: number | undefined) {
  const own = kept.filter((_, axis) => before.shape[axis] !== 1)
  const sizes = squeezed(before.shape)
  if (plane !== undefined) {
    const [planes, rows, columns] = own as [Int32Array, Int32Array, Int32Array]
    return {
      kept: [rows, columns] as const,
      sizes: [planes.length, rows.length, columns.length] as const,
      plane: planes.indexOf(plane),
    }
  }
  const [rows = Int32Array.of(0), ...rest] = own
  const columns = rest.reduce((outer, positions, i) => crossed(outer, positions, sizes[i + 1]!), Int32Array.of(0))
  return { kept: [rows, columns] as const, sizes: [1, rows.length, columns.length] as const, plane: 0 }
}

function crossed(outer: Int32Array, inner: Int32Array, size: number): Int32Array {
  return Int32Array.from({ length: outer.length * inner.length }, (_, i) => {
    const at = Math.floor(i / inner.length)
    return outer[at]! * size + inner[i - at * inner.length]!
  })
}

/** What stays of each axis, of what stays of their positions counted through. Undefined: it is not the same along each. */
function keptInTail(columns: Int32Array, sizes: readonly number[]): Int32Array[] | undefined {
  if (sizes.length <= 1) return sizes.map(() => columns)
  const kept: Int32Array[] = []
  let rest = sizes.reduce((product, size) => product * size, 1)
  for (const size of sizes) {
    rest /= size
    kept.push(Int32Array.from(new Set(columns.map((at) => Math.floor(at / rest) % size))))
  }
  const whole = kept.reduce((outer, positions, i) => crossed(outer, positions, sizes[i]!), Int32Array.of(0))
  return whole.join() === columns.join() ? kept : undefined
}

function isGone({ constant, constantPlane }: TensorPiece): boolean {
  if (constant.after === undefined) return true
  if (constantPlane === undefined) return false
  const planes = constant.kept[constant.before.shape.findIndex((size) => size !== 1)]!
  return !planes.includes(constantPlane)
}

function isWhole(kept: Int32Array, size: number): boolean {
  return kept.length === size && kept.every((at, i) => at === i)
}
