import type { TracedTensor } from '@pare/core'
import { type DataType, elementCount, isFloat } from '@pare/onnx'
import type { CheckpointTensor } from './checkpoint.js'
import { likeness } from './likeness.js'
import { holdsAt, type MatrixForms, type MatrixStrips, stripsOf } from './strips.js'

/** Numbers that a tensor of a checkpoint shares with a constant of the model: rows, columns, or all of it. */
export interface TensorPiece {
  readonly constant: TracedTensor
  /** The position of the first axis of the checkpoint's tensor that is meant. Undefined: all of it */
  readonly plane: number | undefined
  /** The same of the constant. */
  readonly constantPlane: number | undefined
  /** Whether rows of the one are columns of the other. */
  readonly isTurned: boolean
  /** Of the checkpoint's matrix: along which `start` and `count` are. */
  readonly axis: 0 | 1
  readonly start: number
  /** Where the piece begins in the constant. */
  readonly constantStart: number
  readonly count: number
}

/** A tensor of a checkpoint with what it is in the model. */
export interface TensorMatch {
  readonly tensor: CheckpointTensor
  /** Together they are all of it. */
  readonly pieces: readonly TensorPiece[]
  /** Constants with the same numbers that no other tensor stands for: copies of it in the model. */
  readonly ties: TensorPiece[]
}

export interface Matching {
  readonly matches: readonly TensorMatch[]
  /** Tensors whose numbers the model does not hold. */
  readonly others: readonly CheckpointTensor[]
  /** Constants whose numbers the checkpoint does not hold. */
  readonly missing: readonly TracedTensor[]
  /** What cannot be told apart, as sentences. */
  readonly problems: readonly string[]
}

/**
 * Finds the tensors of a checkpoint in a model, by their numbers: as they are, turned over, as a part of a constant or put together of several, in floats of other
 * sizes. Names only decide between equal ones. All tensors are read once; the time of what is in parts grows by the product of their number and that of constants.
 */
export async function matchTensors(
  tensors: readonly CheckpointTensor[],
  constants: readonly TracedTensor[],
  { onTensor }: { readonly onTensor: () => void },
): Promise<Matching> {
  const views = await viewsOf(constants, onTensor)
  const search = new Search(views, constants)
  const tensorMatches: TensorMatch[] = []
  const others: CheckpointTensor[] = []
  for (const tensor of tensors) {
    onTensor()
    const pieces = await search.piecesOf(tensor)
    if (pieces === undefined) others.push(tensor)
    else tensorMatches.push({ tensor, pieces, ties: [] })
  }
  const met = new Set(tensorMatches.flatMap(({ pieces }) => pieces.map(({ constant }) => constant)))
  const matches = new Map(tensorMatches.map((match) => [match.tensor, match]))
  const missing: TracedTensor[] = []
  for (const constant of constants.filter((each) => !met.has(each))) {
    const tie = search.tieOf(constant)
    if (tie === undefined) missing.push(constant)
    else matches.get(tie.tensor)!.ties.push(tie.piece)
  }
  return { matches: tensorMatches, others, missing, problems: search.problems }
}

/** A constant, or a position of its first axis. */
interface View {
  readonly constant: TracedTensor
  readonly plane: number | undefined
  readonly matrix: MatrixStrips
}

async function viewsOf(constants: readonly TracedTensor[], onTensor: () => void): Promise<readonly View[]> {
  const forms = new Map<TracedTensor['before'], MatrixForms>()
  const views: View[] = []
  for (const constant of constants) {
    const { before } = constant
    if (!forms.has(before)) forms.set(before, await stripsOf(before, before.type))
    onTensor()
    const { whole, planes } = forms.get(before)!
    views.push({ constant, plane: undefined, matrix: whole })
    views.push(...planes.map((matrix, plane) => ({ constant, plane, matrix })))
  }
  return views
}

/** One way to see a view: along its rows, or its columns. */
interface Side {
  readonly view: View
  readonly axis: 0 | 1
}

interface Sought {
  readonly name: string
  readonly plane: number | undefined
  /** By the type of the constants that it is compared with. */
  readonly matrices: ReadonlyMap<DataType, MatrixStrips>
}

const AXES = [0, 1] as const
/** So many places in a constant are looked at for a tensor that is a part of it. */
const MOST_PLACES = 64

class Search {
  readonly problems: string[] = []
  readonly #sides: readonly Side[]
  readonly #types: readonly DataType[]
  readonly #byKey = new Map<string, Side[]>()
  readonly #shared: ReadonlySet<string>
  readonly #equals = new Map<TracedTensor, { tensor: CheckpointTensor; piece: TensorPiece }[]>()

  constructor(views: readonly View[], constants: readonly TracedTensor[]) {
    this.#sides = views.flatMap((view) => AXES.map((axis) => ({ view, axis })))
    this.#types = [...new Set(constants.map(({ before }) => before.type))]
    const ids = constants.map(({ id }) => id)
    this.#shared = new Set(ids.filter((id, i) => ids.indexOf(id) !== i))
    for (const side of this.#sides) {
      const key = keyOf(side.view.matrix, side.axis, typeOf(side))
      this.#byKey.set(key, [...(this.#byKey.get(key) ?? []), side])
    }
  }

  /** The constants that a tensor is made of. Undefined: none. */
  async piecesOf(tensor: CheckpointTensor): Promise<readonly TensorPiece[] | undefined> {
    if (!isFloat(tensor.type) || elementCount(tensor.shape) < 2) return undefined
    const forms = new Map<DataType, MatrixForms>()
    for (const type of this.#types) forms.set(type, await stripsOf(tensor, type))
    const sought = (of: (form: MatrixForms) => MatrixStrips, plane?: number): Sought => ({
      name: plane === undefined ? tensor.name : `${tensor.name}.${plane}`,
      plane,
      matrices: new Map([...forms].map(([type, form]) => [type, of(form)])),
    })
    const whole = sought((form) => form.whole)
    const equal = this.#whole(whole)
    for (const piece of equal) this.#equals.set(piece.constant, [...(this.#equals.get(piece.constant) ?? []), { tensor, piece }])
    const chosen = this.#choose(tensor.name, equal)
    const pieces = chosen === undefined ? this.#parts(whole) : [chosen]
    if (pieces !== undefined) return pieces
    const count = forms.get(this.#types[0]!)?.planes.length ?? 0
    const planes = Array.from({ length: count }, (_, plane) => {
      const one = sought((form) => form.planes[plane]!, plane)
      const best = this.#choose(one.name, this.#whole(one))
      return best === undefined ? this.#parts(one) : [best]
    })
    return count > 0 && planes.every((each) => each !== undefined) ? planes.flat() : undefined
  }

  /** The tensor with the numbers of a constant whose name is nearest. */
  tieOf(constant: TracedTensor): { readonly tensor: CheckpointTensor; readonly piece: TensorPiece } | undefined {
    const equals = this.#equals.get(constant) ?? []
    const names = this.#namesOf(constant)
    return equals.toSorted((a, b) => likeness(b.tensor.name, names) - likeness(a.tensor.name, names))[0]
  }

  /** Constants with all numbers of a tensor and no others. */
  #whole(sought: Sought): TensorPiece[] {
    return [...sought.matrices].flatMap(([type, matrix]) => {
      const sides = this.#byKey.get(keyOf(matrix, 0, type)) ?? []
      const equal = sides.filter(({ view, axis }) => holdsAt(view.matrix[axis], matrix[0], 0))
      return equal.map((side) => this.#piece(sought, 0, side, { start: 0, constantStart: 0, count: matrix[0].hashes.length }))
    })
  }

  /** A part of one constant, or several in a row. */
  #parts(sought: Sought): readonly TensorPiece[] | undefined {
    const inside = this.#choose(sought.name, this.#inside(sought))
    if (inside !== undefined) return [inside]
    for (const axis of AXES) {
      const row = this.#row(sought, axis)
      if (row !== undefined) return row
    }
    return undefined
  }

  #inside(sought: Sought): TensorPiece[] {
    const pieces: TensorPiece[] = []
    for (const [type, matrix] of sought.matrices) {
      // A vector of one number only, such as zeros, is found anywhere.
      if (matrix[0].length === 1 && new Set(matrix[0].hashes).size === 1) continue
      for (const axis of AXES) {
        const { hashes } = matrix[axis]
        for (const side of this.#sides.filter((each) => typeOf(each) === type)) {
          const strips = side.view.matrix[side.axis]
          if (strips.length !== matrix[axis].length || strips.hashes.length <= hashes.length) continue
          let at = -1
          for (let places = 0; places < MOST_PLACES; places++) {
            at = strips.hashes.indexOf(hashes[0]!, at + 1)
            if (at < 0) break
            const place = { start: 0, constantStart: at, count: hashes.length }
            if (holdsAt(strips, matrix[axis], at)) pieces.push(this.#piece(sought, axis, side, place))
          }
        }
      }
    }
    return pieces
  }

  #row(sought: Sought, axis: 0 | 1): readonly TensorPiece[] | undefined {
    const pieces: TensorPiece[] = []
    const count = [...sought.matrices.values()][0]![axis].hashes.length
    for (let start = 0; start < count; ) {
      const next = this.#choose(
        sought.name,
        this.#sides.flatMap((side) => {
          const own = side.view.matrix[side.axis]
          const place = { start, constantStart: 0, count: own.hashes.length }
          return holdsAt(sought.matrices.get(typeOf(side))![axis], own, start) ? [this.#piece(sought, axis, side, place)] : []
        }),
      )
      if (next === undefined) return undefined
      pieces.push(next)
      start += next.count
    }
    return pieces
  }

  #piece(
    { plane }: Sought,
    axis: 0 | 1,
    { view, axis: constantAxis }: Side,
    place: Pick<TensorPiece, 'start' | 'constantStart' | 'count'>,
  ): TensorPiece {
    return { constant: view.constant, plane, constantPlane: view.plane, isTurned: constantAxis !== axis, axis, ...place }
  }

  /** The one whose name is nearest. Several that are as near, and of which the plan makes different things, are a problem. */
  #choose(name: string, pieces: readonly TensorPiece[]): TensorPiece | undefined {
    if (pieces.length < 2) return pieces[0]
    const scores = pieces.map(({ constant }) => likeness(name, this.#namesOf(constant)))
    const most = Math.max(...scores)
    const [best, ...others] = pieces.filter((_, i) => scores[i] === most)
    const other = others.find((each) => !isSameEffect(best!, each))
    if (other !== undefined)
      this.problems.push(
        `'${name}' has the numbers of ${shownPiece(best!)} and of ${shownPiece(other)}, of which the plan makes different things, and its name does not tell which it is`,
      )
    return best
  }

  #namesOf({ id, readers }: TracedTensor): readonly string[] {
    return this.#shared.has(id) ? readers : [id, ...readers]
  }
}

const typeOf = ({ view }: Side): DataType => view.constant.before.type

function keyOf(matrix: MatrixStrips, axis: 0 | 1, type: DataType): string {
  const { hashes, length } = matrix[axis]
  const count = hashes.length
  return [type, count, length, hashes[0], hashes[count >> 1], hashes[count - 1]].join()
}

/** Whether the plan makes the same of both, whichever is meant. */
function isSameEffect(one: TensorPiece, other: TensorPiece): boolean {
  const isChanged = ({ constant: { isCut, isRewritten } }: TensorPiece) => isCut || isRewritten
  if (!isChanged(one) && !isChanged(other)) return true
  const effect = ({ constant, plane, constantPlane, ...place }: TensorPiece) =>
    JSON.stringify([
      place,
      constantPlane,
      constant.isRewritten && constant.id,
      constant.after !== undefined,
      constant.kept.join(';'),
    ])
  return effect(one) === effect(other)
}

/** 'h.0.attn.c_attn.weight', or a part of it. */
export function shownPiece({ constant, constantPlane, isTurned }: TensorPiece): string {
  return `'${constant.id}'${constantPlane === undefined ? '' : `[${constantPlane}]`}${isTurned ? ' turned over' : ''}`
}
