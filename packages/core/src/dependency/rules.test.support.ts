import { type Model, parseText } from '@pare/onnx'

/** A tiny model: constants in the order of the text, those without elements filled with numbers that look random. */
export interface Tiny {
  readonly inputs: string
  /** 'float[2, 4] w, int64[1] axes = {1}' */
  readonly constants: string
  readonly nodes: string
  /** Default: 18. */
  readonly opset?: number
}

export function tinyModel({ inputs, constants, nodes, opset = 18 }: Tiny): Model {
  const values: Record<string, Float32Array> = {}
  for (const [, sizes, name] of constants.matchAll(/float\[([\d, ]+)\] (\w+)(?! *=|\w)/g)) {
    const count = sizes!.split(',').reduce((all, size) => all * Number(size), 1)
    values[name!] = Float32Array.from({ length: count }, (_, i) => Math.sin(12.9898 * (i + 1) + name!.length) * 0.9 + 0.05)
  }
  const header = `<ir_version: 10, opset_import: ["" : ${opset}, "com.microsoft" : 1]>`
  return parseText(`${header} g (${inputs}) => (y) <${constants}> { ${nodes} }`, values)
}
