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
  for (const [, sizes, name] of constants.matchAll(/(?:float|float16|double)\[([\d, ]+)\] (\w+)(?! *=|\w)/g)) {
    const count = sizes!.split(',').reduce((all, size) => all * Number(size), 1)
    values[name!] = Float64Array.from({ length: count }, (_, i) => Math.sin(12.9898 * (i + 1) + name!.length) * 0.9 + 0.05)
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
