import { type Axis, atom, productOf } from '../axis.js'
import type { AxisRule, AxisSite } from '../site.js'
import { each, fromFront, tieAll } from './broadcast.js'

/** Operators that add, resample or rearrange positions of images. */
export const image: readonly [string, AxisRule][] = [
  ...each('Pad com.microsoft.Pad', pad),
  ...each('Resize Upsample', resize),
  ['DepthToSpace', depthToSpace],
  ['SpaceToDepth', spaceToDepth],
  ...each('GridSample com.microsoft.GridSample', gridSample),
  ['RoiAlign', (site) => site.tie(site.input(0)?.[1], site.output(0)?.[1])],
]

/** An axis to which nothing is ever added passes, whatever the mode and whatever is added to others. */
function pad(site: AxisSite): void {
  const [x, out] = [site.input(0), site.output(0)]
  const pads = site.ints('pads') ?? site.ints('paddings') ?? site.elements(1)
  const listed = site.value(3)
  if (x === undefined || out === undefined || pads === undefined || (listed === undefined && site.input(3) !== undefined)) return
  const axes = listed ?? [...x.keys()]
  if (pads.length !== 2 * axes.length) return
  const moved = new Set(
    axes.filter((_, i) => pads[i] !== 0 || pads[i + axes.length] !== 0).map((axis) => fromFront(axis, x.length)),
  )
  tieAll(site, x, out, (axis) => moved.has(axis))
  for (const parameter of [1, 2, 3]) site.free(...(site.input(parameter) ?? []))
}

/** An axis with scale 1 passes. */
function resize(site: AxisSite): void {
  const [x, out] = [site.input(0), site.output(0)]
  if (x === undefined || out === undefined || site.string('coordinate_transformation_mode') === 'tf_crop_and_resize') return
  const axes = (site.ints('axes') ?? [...x.keys()]).map((axis) => fromFront(axis, x.length))
  const scales = scalesOf(site)
  tieAll(site, x, out, (axis) => {
    const at = axes.indexOf(axis)
    if (at < 0) return false
    return scales === undefined
      ? !isStretched(site) || !site.isFixed(0, axis) || x[axis]!.size !== out[axis]!.size
      : scales[at] !== 1
  })
  for (const parameter of [1, 2, 3]) site.free(...(site.input(parameter) ?? []))
}

/** Undefined where sizes are given instead, or the scales are not known. */
function scalesOf(site: AxisSite): readonly (number | undefined)[] | undefined {
  const scales = site.floats('scales') ?? site.elements(site.node.inputs.length === 2 ? 1 : 2)
  return scales === undefined || scales.length === 0 ? undefined : scales
}

/** Whether sizes are given, and each axis is brought to its own. */
function isStretched(site: AxisSite): boolean {
  return site.input(3) !== undefined && site.string('keep_aspect_ratio_policy', 'stretch') === 'stretch'
}

/** Channels = block² × channels (DCR) or channels × block² (CRD) become channels. */
function depthToSpace(site: AxisSite): void {
  const isOuter = site.string('mode', 'DCR') === 'DCR'
  tieBlocks(site, { many: site.input(0)?.[1], few: site.output(0)?.[1], isOuter })
}

/** Channels become block² × channels. */
function spaceToDepth(site: AxisSite): void {
  tieBlocks(site, { many: site.output(0)?.[1], few: site.input(0)?.[1], isOuter: true })
}

interface Blocks {
  readonly many: Axis | undefined
  readonly few: Axis | undefined
  /** Whether blocks are the outer factor. */
  readonly isOuter: boolean
}

function tieBlocks(site: AxisSite, { many, few, isOuter }: Blocks): void {
  const size = site.int('blocksize', 0) ** 2
  if (many === undefined || few === undefined || many.size !== size * few.size) return
  const blocks = atom(size, `${site.node.op} '${site.name}' makes blocks of it`)
  site.tie(many, productOf(isOuter ? [blocks, few] : [few, blocks]))
  site.free(few)
  site.tie(site.input(0)?.[0], site.output(0)?.[0])
}

function gridSample(site: AxisSite): void {
  const [x, grid, out] = [site.input(0), site.input(1), site.output(0)]
  site.tie(x?.[0], out?.[0])
  site.tie(grid?.[0], out?.[0])
  site.tie(x?.[1], out?.[1])
}
