import { type Model, parseText } from '@pare/onnx'

/** A tiny model: constants in the order of the text, those without elements filled with numbers that look random. */
export interface Tiny {
  readonly inputs: string
  /** 'float[2, 4] w, int64[1] axes = {1}' */
  readonly constants: string
  readonly nodes: string
  /** Default: 18. */
  readonly opset?: number
  /** Default: 10. */
  readonly irVersion?: number
  /** Names. Default: y. */
  readonly outputs?: string
  /** Local functions. */
  readonly functions?: string
}

export function tinyModel({ inputs, constants, nodes, opset = 18, irVersion = 10, outputs = 'y', functions = '' }: Tiny): Model {
  const values: Record<string, Float64Array> = {}
  for (const [, type, sizes, name] of constants.matchAll(/(\w+)\[([\d, ]+)\] (\w+)(?! *=|\w)/g)) {
    const most = MOST[type!]
    if (most === undefined) continue
    const count = sizes!.split(',').reduce((all, size) => all * Number(size), 1)
    const float = (i: number) => Math.sin(12.9898 * (i + 1) + name!.length) * 0.9 + 0.05
    const whole = (i: number) => Math.round((float(i) + (type!.startsWith('u') ? 1 : 0)) * most)
    values[name!] = Float64Array.from({ length: count }, (_, i) => (most === 0 ? float(i) : whole(i)))
  }
  const header = `<ir_version: ${irVersion}, opset_import: ["" : ${opset}, "com.microsoft" : 1${functions && ', "local" : 1'}]>`
  return parseText(`${header} g (${inputs}) => (${outputs}) <${constants}> { ${nodes} } ${functions}`, values)
}

/** Between two matrices, h is f32[3, 8]: `nodes` make k of it, which has `last` units. */
export function between(nodes: string, constants = '', last = 8): Tiny {
  return {
    inputs: 'float[N, 5] x',
    constants: `float[5, 8] w, float[${last}, 2] v${constants && `, ${constants}`}`,
    nodes: `h = MatMul(x, w)\n ${nodes}\n y = MatMul(k, v)`,
  }
}

/** Between two convolutions, h is f32[3, 8, 4, 4]: `nodes` make k of it, which has `last` channels. */
export function image(nodes: string, constants = '', last = 8): Tiny {
  return {
    inputs: 'float[N, 5, 4, 4] x',
    constants: `float[8, 5, 1, 1] w, float[2, ${last}, 1, 1] v${constants && `, ${constants}`}`,
    nodes: `h = Conv(x, w)\n ${nodes}\n y = Conv(k, v)`,
  }
}

/** Sizes of the numbers that constants are filled with. 0: floats up to 1. */
const MOST: Readonly<Record<string, number>> = {
  ...{ float: 0, float16: 0, double: 0 },
  ...{ int8: 100, uint8: 100, int4: 7, uint4: 7, int32: 1000 },
}
