import { resolve } from 'node:path'
import { type Analysis, keepZeros, type MaskCriterion, type Weight } from '@pare/core'
import { PareError, systemCode } from '@pare/onnx'
import { readMasks, type TensorMask } from '../../masks/read-masks.js'
import { usage } from '../../terminal/failure.js'
import { refuseOutside } from '../config/workspace.js'

/** A mask that stands in a file. */
export interface FileMask extends MaskCriterion {
  /** Absolute. */
  readonly path: string
}

export interface MaskSource {
  /** The path starts here. */
  readonly folder: string
  /** Of a checkout that is not trusted: the file must lie in it. */
  readonly workspace?: string | undefined
}

/** What a step is told as its mask: 'keep', or a file, which is read. */
export async function resolveMask(setting: string, { folder, workspace }: MaskSource): Promise<MaskCriterion> {
  if (setting === 'keep') return keepZeros
  const path = resolve(folder, setting)
  await refuseOutside(path, `the mask ${setting}`, workspace)
  const masks = await readMasks(path, setting).catch((cause: unknown) => {
    if (systemCode(cause) === undefined) throw cause
    throw usage(`pare: the mask ${setting} cannot be read (${systemCode(cause)}).`, HINT, cause)
  })
  return fileMask(masks, { path, shown: setting })
}

const HINT = 'check the path; pare prune MODEL --masks FILE writes such a file'

export function isFileMask(criterion: object): criterion is FileMask {
  return 'kind' in criterion && criterion.kind === 'mask' && 'path' in criterion
}

function fileMask(
  masks: ReadonlyMap<string, TensorMask>,
  { path, shown }: { readonly path: string; readonly shown: string },
): FileMask {
  return {
    kind: 'mask',
    name: `mask from ${shown}`,
    path,
    zeros: async ({ id }) => masks.get(id)?.zeros,
    check: (analysis) => checkFits(masks, analysis, shown),
  }
}

/** Throws PareError where a mask has the name of no weight, or another shape. What include and exclude leave out is left out here too. */
function checkFits(
  masks: ReadonlyMap<string, TensorMask>,
  { weights, notEligible }: Pick<Analysis, 'weights' | 'notEligible'>,
  shown: string,
): void {
  const byId = new Map(weights.map((weight) => [weight.id, weight]))
  const others = new Map(notEligible.map((one) => [one.id, one]))
  const problems = [...masks].flatMap(([name, { shape }]) => {
    const weight = byId.get(name)
    const other = others.get(name)
    if (weight !== undefined) return shapeProblem(weight, shape)
    if (other?.byUser === true) return []
    return [`'${name}' [${shape}] ${other === undefined ? 'is the name of no weight' : `is not pruned: ${other.reason}`}`]
  })
  if (problems.length === 0) return
  const without = weights.filter(({ id }) => !masks.has(id)).map(({ id, tensor }) => `'${id}' [${tensor.shape}]`)
  throw new PareError(
    `the masks in ${shown} do not fit the weights of the model: ${listed(problems, '; ')}. Weights without a mask: ${listed(without, ', ')}.`,
    {
      hint: 'each mask needs the name and the shape that the weight has in the model, as pare inspect MODEL --json lists them; exporters store the weights of linear layers transposed, under names of their own.',
    },
  )
}

function shapeProblem({ id, tensor: { shape } }: Weight, own: readonly number[]): readonly string[] {
  if (String(own) === String(shape)) return []
  const isTransposed = String([...own].reverse()) === String(shape)
  return [`'${id}' is [${own}], and the weight is [${shape}]${isTransposed ? ': transpose the mask' : ''}`]
}

const SHOWN = 10

function listed(all: readonly string[], separator: string): string {
  if (all.length === 0) return 'none'
  return `${all.slice(0, SHOWN).join(separator)}${all.length > SHOWN ? `${separator}and ${all.length - SHOWN} more` : ''}`
}
