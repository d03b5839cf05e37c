import { PareError, type UnitReader } from '@pare/core'
import { firstNotFinite, meanOfDiagonal } from '@pare/linear-algebra'
import { openTableau, type Tableau } from './tableau.js'

/** Which units of one group stay, by the errors of all readers together. */
export interface GroupProblem extends AsyncDisposable {
  readonly units: number
  /** What leaving out a unit that is in, or taking in one that is out, changes the error by, as a size: f64[units]. */
  changes(): Float64Array
  /** Leaves units out that are in, and takes in those that are out. Returns what the error changes by, as a size. */
  turn(units: readonly number[]): number
}

export interface ProblemOptions {
  /** What is added to the diagonal of each Gram matrix, as a fraction of its mean. */
  readonly damping: number
  readonly threads?: number | undefined
}

/**
 * The error is Σ over readers and their rows of c_r · ‖(Ŵ − W)_r·X‖², half of it: c_r is what the loss feels of the row, or, where that was not measured, the same
 * for all rows of a reader, so that what all rows give has size 1.
 */
export async function openProblem(units: number, readers: readonly UnitReader[], options: ProblemOptions): Promise<GroupProblem> {
  const opened: { readonly tableau: Tableau; readonly columns: readonly Int32Array[] }[] = []
  for (const reader of readers) opened.push({ tableau: await tableauOf(reader, options), columns: columnsOf(reader, units) })
  return {
    units,
    changes: () =>
      Float64Array.from({ length: units }, (_, unit) =>
        opened.reduce((sum, { tableau, columns }) => sum + tableau.change(columns[unit]!), 0),
      ),
    turn: (chosen) =>
      opened.reduce((sum, { tableau, columns }) => sum + tableau.turn(joined(chosen.map((unit) => columns[unit]!))), 0),
    async [Symbol.asyncDispose]() {
      for (const { tableau } of opened) await tableau[Symbol.asyncDispose]()
    },
  }
}

/** A WebAssembly memory of 4 GiB holds the packed factors of a product too. */
const MOST_BYTES = 3.5 * 2 ** 30

async function tableauOf(reader: UnitReader, { damping, threads }: ProblemOptions): Promise<Tableau> {
  const { id, gram, rows } = reader
  const n = reader.units.length
  const at = firstNotFinite(gram)
  if (at >= 0)
    throw new PareError(`osscar: the Gram matrix of '${id}' holds ${gram[at]}.`, {
      hint: 'check the calibration data for huge values.',
    })
  if (8 * n * (n + rows) > MOST_BYTES)
    throw new PareError(
      `osscar: '${id}' has ${n} inputs and ${rows} outputs, and ${n} · (${n} + ${rows}) numbers exceed ${MOST_BYTES / 2 ** 30} GiB.`,
      {
        hint: 'choose another criterion: --criterion wanda.',
      },
    )
  const mean = meanOfDiagonal(gram, n) || 1
  const weight = costed(reader)
  for (const share of [damping, ...[1e-6, 1e-4, 1e-2, 1].filter((more) => more > damping)]) {
    const damped = Float64Array.from(gram)
    for (let i = 0; i < n; i++) damped[i * (n + 1)]! += share * mean
    const tableau = await openTableau({ gram: damped, weight, outputs: rows, threads })
    if (tableau !== undefined) return tableau
  }
  throw new PareError(`osscar: the inputs of '${id}' have no positive definite Gram matrix.`, {
    hint: 'look for huge values in the calibration data, or leave the layer out with exclude.',
  })
}

/** √(c_r ÷ 2) · W_r, f64[rows × columns]. */
function costed({ weight, rows, felt, gram }: UnitReader): Float64Array {
  const n = weight.length / rows
  if (felt !== undefined) return Float64Array.from(weight, (w, i) => w * Math.sqrt(felt[Math.floor(i / n)]! / 2))
  const scale = Math.sqrt(0.5 / (energyOf(weight, rows, gram) || 1))
  return Float64Array.from(weight, (w) => w * scale)
}

/** tr(W·G·Wᵀ) */
function energyOf(weight: Float32Array, rows: number, gram: Float64Array): number {
  const n = weight.length / rows
  let energy = 0
  for (let r = 0; r < rows; r++) {
    for (let i = 0; i < n; i++) {
      const own = weight[r * n + i]!
      if (own === 0) continue
      let sum = 0
      for (let j = 0; j < n; j++) sum += gram[i * n + j]! * weight[r * n + j]!
      energy += own * sum
    }
  }
  return energy
}

function columnsOf({ units }: UnitReader, count: number): readonly Int32Array[] {
  const columns = Array.from({ length: count }, () => [] as number[])
  for (const [column, unit] of units.entries()) if (unit >= 0) columns[unit]!.push(column)
  return columns.map((own) => Int32Array.from(own))
}

function joined(parts: readonly Int32Array[]): Int32Array {
  return Int32Array.from(parts.flatMap((part) => [...part]))
}
