import { type DeviceType, type Element, OPERATIONS, type Store, type View, viewsIn, withViews } from './element.js'
import { functionsFor } from './functions.js'

/** A store that a kernel binds, from binding 2 on; the result has binding 1 and parameters 0. */
export interface BoundStore {
  readonly store: Store
  readonly type: DeviceType
}

const STORED = { f32: 'f32', i32: 'i32', bool: 'u32' } as const satisfies Record<DeviceType, string>

/**
 * A kernel as it is written: sizes, strides and single numbers are parameters, so that one text serves all of them, and a pipeline is compiled once for an
 * expression.
 */
export class KernelText {
  readonly words: number[] = []
  readonly bound: BoundStore[] = []

  /** WGSL of an i32 parameter. */
  word(value: number): string {
    const index = this.words.push(value) - 1
    return `p[${index >> 2}][${index & 3}]`
  }

  /** WGSL of an f32 parameter. */
  real(value: number): string {
    return `bitcast<f32>(${this.word(new Int32Array(Float32Array.of(value).buffer)[0]!)})`
  }

  /** WGSL of an element at coordinates, which are WGSL too. */
  of(element: Element, at: readonly string[]): string {
    switch (element.kind) {
      case 'position':
        return this.place(element, at)
      case 'read': {
        const { store, type, strides, offset } = element
        if (store.kind === 'host' && strides.every((stride) => stride === 0)) return this.#number(type, store.values[offset]!)
        return this.#read(element, this.place(element, at))
      }
      case 'gathered': {
        const { from, index, stride, size } = element
        const asked = this.of(index, at)
        const [step, from0] = [this.word(stride), this.place(from, at)]
        return this.#read(from, `${from0} + ${step} * select(${asked}, ${asked} + ${this.word(size)}, ${asked} < 0)`)
      }
      case 'call':
        return OPERATIONS[element.op].wgsl(...element.of.map((each) => this.of(each, at)))
      default:
        return element satisfies never
    }
  }

  /** WGSL of the place that a view has for coordinates. */
  place({ strides, offset }: View, at: readonly string[]): string {
    const terms = strides.flatMap((stride, axis) => (stride === 0 ? [] : [`${at[axis]} * ${this.word(stride)}`]))
    return `(${[this.word(offset), ...terms].join(' + ')})`
  }

  #number(type: DeviceType, value: number): string {
    if (type === 'f32') return this.real(value)
    const word = this.word(wordOf(value))
    return type === 'i32' ? word : `(${word} != 0)`
  }

  #read({ store, type }: Extract<Element, { kind: 'read' }>, place: string): string {
    let index = this.bound.findIndex((each) => each.store === store)
    if (index < 0) index = this.bound.push({ store, type }) - 1
    const read = `s${index}[u32(${place})]`
    return type === 'bool' ? `(${read} != 0u)` : read
  }

  /** The whole text. `body` sees `group`, `groups` and `thread`. */
  text({ result, threads, before = '' }: { result: DeviceType; threads: number; before?: string }, body: string): string {
    const stores = this.bound.map(
      ({ type }, i) => `@group(0) @binding(${i + 2}) var<storage, read> s${i}: array<${STORED[type]}>;`,
    )
    return `@group(0) @binding(0) var<uniform> p: array<vec4i, ${Math.max(1, Math.ceil(this.words.length / 4))}>;
@group(0) @binding(1) var<storage, read_write> result: array<${STORED[result]}>;
${stores.join('\n')}
${functionsFor(body + before)}
${before}
@compute @workgroup_size(${threads})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  ${body}
}`
  }
}

/** WGSL of how an element is stored. */
export const toStored = (type: DeviceType, value: string) => (type === 'bool' ? `select(0u, 1u, ${value})` : value)

/** Throws where a number is none of 32 bits. */
export function wordOf(value: number): number {
  if (Math.trunc(value) !== value || value < -(2 ** 31) || value >= 2 ** 31)
    throw new RangeError(`the integer ${value} has more than 32 bits, which integers have on the device`)
  return value
}

/** WGSL that sets coordinates `name0`, `name1` … of the `index`-th place of an array, and their names. */
export function coordinates(
  kernel: KernelText,
  dims: readonly number[],
  { name, index }: { readonly name: string; readonly index: string },
): { readonly code: string; readonly names: readonly string[] } {
  const names = dims.map((_, axis) => `${name}${axis}`)
  const lines = dims.map((size, axis) => {
    if (axis === 0) return `let ${name}0 = ${name}Rest;`
    const word = kernel.word(size)
    return `let ${name}${axis} = ${name}Rest % ${word}; ${name}Rest /= ${word};`
  })
  return { code: [`var ${name}Rest = i32(${index});`, ...lines.reverse()].join('\n  '), names }
}

export interface MergedAxes {
  readonly dims: readonly number[]
  change(element: Element): Element
  view(view: View): View
}

/** Axes that all views go through as if they were one become one, and those of size 1 go: kernels have fewer coordinates to compute. */
export function mergedAxes(dims: readonly number[], elements: readonly Element[], others: readonly View[] = []): MergedAxes {
  const views = [...elements.flatMap(viewsIn), ...others]
  const groups: { last: number; size: number }[] = []
  for (const [axis, size] of dims.entries()) {
    if (size === 1) continue
    const group = groups.at(-1)
    const joins = group && views.every(({ strides }) => strides[group.last] === strides[axis]! * size)
    if (joins) Object.assign(group, { last: axis, size: group.size * size })
    else groups.push({ last: axis, size })
  }
  const view = ({ strides, offset }: View): View => ({ strides: groups.map(({ last }) => strides[last]!), offset })
  return { dims: groups.map(({ size }) => size), view, change: (element) => withViews(element, view) }
}

/** Groups of threads for so many pieces of work, in two dimensions where one does not suffice. */
export function groupsFor(count: number): readonly [number, number, number] {
  const across = Math.min(Math.max(count, 1), 32768)
  return [across, Math.ceil(Math.max(count, 1) / across), 1]
}

/** WGSL of the number of a group. */
export const GROUP = '(group.x + group.y * groups.x)'
