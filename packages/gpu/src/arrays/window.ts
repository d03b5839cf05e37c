import { asRead, dispatch } from './compute.js'
import { type LazyArray, sizeOf } from './element.js'
import { coordinates, GROUP, groupsFor, KernelText } from './kernel-text.js'
import type { Recording } from './recording.js'
import { arrayOf } from './views.js'

/** A window that moves over the axes behind batch and channels, one number for each of them. */
export interface MovingWindow {
  readonly size: readonly number[]
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  /** Places before each axis that the window may cover. */
  readonly before: readonly number[]
  readonly after: readonly number[]
}

const THREADS = 64

const sizesOver = (dims: readonly number[], { size, strides, dilations, before, after }: MovingWindow) =>
  dims.map((length, i) => Math.floor((length + before[i]! + after[i]! - dilations[i]! * (size[i]! - 1) - 1) / strides[i]!) + 1)

/** f32[batch, out, …places] = x[batch, in, …] convolved with w[out, in ÷ groups, …size]: one thread for each element of the result. */
export function convolve(
  recording: Recording,
  x: LazyArray,
  { weight, bias, window, groups }: { weight: LazyArray; bias: LazyArray | undefined; window: MovingWindow; groups: number },
): LazyArray {
  const [input, w] = [asRead(recording, x), asRead(recording, weight)]
  const [batch, , ...places] = input.dims as [number, number, ...number[]]
  const [out, perGroup] = w.dims as [number, number]
  const dims = [batch, out, ...sizesOver(places, window)]
  return written(recording, { dims, input, window }, (kernel, at, loop) => {
    const channel = `((${at[1]} / ${kernel.word(out / groups)}) * ${kernel.word(perGroup)} + c)`
    const read = kernel.of(input.element, [at[0]!, channel, ...loop.inside])
    const by = kernel.of(w.element, [at[1]!, 'c', ...loop.within])
    const start = bias === undefined ? '0.0' : kernel.of(bias.element, [at[1]!])
    return `var sum = ${start};
  for (var c = 0; c < ${kernel.word(perGroup)}; c++) { ${loop.over(`sum += ${read} * ${by};`)} }
  result[i] = sum;`
  })
}

/** The largest, or the mean, of each window of each channel; `padded`: whether the mean counts places outside, as 0. */
export function pool(
  recording: Recording,
  x: LazyArray,
  { kind, window, padded = false }: { kind: 'maximum' | 'mean'; window: MovingWindow; padded?: boolean },
): LazyArray {
  const input = asRead(recording, x)
  const [batch, channels, ...places] = input.dims as [number, number, ...number[]]
  const dims = [batch, channels, ...sizesOver(places, window)]
  return written(recording, { dims, input, window }, (kernel, at, loop) => {
    const read = kernel.of(input.element, [at[0]!, at[1]!, ...loop.inside])
    if (kind === 'maximum') return `var most = -3.4e38f; ${loop.over(`most = max(most, ${read});`)} result[i] = most;`
    const count = padded ? `${sizeOf(window.size)}.0` : 'count'
    return `var sum = 0.0; var count = 0.0; ${loop.over(`sum += ${read}; count += 1.0;`)} result[i] = sum / ${count};`
  })
}

/** WGSL of a loop over a window: names of the place in it, and in the input, where the body runs only for places inside. */
interface Loop {
  readonly within: readonly string[]
  readonly inside: readonly string[]
  over(body: string): string
}

function written(
  recording: Recording,
  { dims, input, window }: { dims: readonly number[]; input: LazyArray; window: MovingWindow },
  body: (kernel: KernelText, at: readonly string[], loop: Loop) => string,
): LazyArray {
  const count = sizeOf(dims)
  const kernel = new KernelText()
  const at = coordinates(kernel, dims, { name: 'a', index: 'i' })
  const axes = window.size.map((_, axis) => axis)
  const loop: Loop = {
    within: axes.map((axis) => `k${axis}`),
    inside: axes.map((axis) => `x${axis}`),
    over: (text) =>
      axes.reduceRight((inner, axis) => {
        const place = `${at.names[axis + 2]} * ${kernel.word(window.strides[axis]!)} + k${axis} * ${kernel.word(window.dilations[axis]!)} - ${kernel.word(window.before[axis]!)}`
        return `for (var k${axis} = 0; k${axis} < ${kernel.word(window.size[axis]!)}; k${axis}++) { let x${axis} = ${place}; if (x${axis} >= 0 && x${axis} < ${kernel.word(input.dims[axis + 2]!)}) { ${inner} } }`
      }, text),
  }
  const store = recording.take(count)
  const text = body(kernel, at.names, loop)
  const code = kernel.text(
    { result: 'f32', threads: THREADS },
    `let i = i32(${GROUP} * ${THREADS}u + thread);
  if (i >= ${kernel.word(count)}) { return; }
  ${at.code}
  ${text}`,
  )
  if (count > 0) dispatch(recording, kernel, { text: code, groups: groupsFor(Math.ceil(count / THREADS)), result: store })
  return arrayOf('f32', dims, store)
}
