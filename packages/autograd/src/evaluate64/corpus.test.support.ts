import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readAll, readModel, type Tensor, valuesOf } from '@pare/onnx'
import { type Array64, array } from './array.test.support.js'

/** Where Debian's libonnx-testdata keeps the cases of ONNX's operators. */
const corpus = '/usr/share/libonnx-testdata/data'

/** True: skip what needs libonnx-testdata. On Linux under CI=true its absence is a failure. */
export const withoutCorpus = !(process.env.CI === 'true' && process.platform === 'linux') && !existsSync(corpus)

/** Folders of the cases, each with a model and data. */
export function corpusCases(): string[] {
  return ['node', 'pytorch-converted', 'pytorch-operator', 'simple'].flatMap((kind) =>
    readdirSync(join(corpus, kind)).map((name) => join(corpus, kind, name)),
  )
}

/** Inputs or expected outputs of a case, in order; undefined where one is no tensor of numbers. */
export async function caseData(folder: string, kind: 'input' | 'output'): Promise<Array64[] | undefined> {
  const path = join(folder, 'test_data_set_0')
  const files = readdirSync(path).filter((name) => name.startsWith(`${kind}_`))
  const tensors: Array64[] = []
  for (let i = 0; i < files.length; i++) {
    const tensor = await tensorOf(readFileSync(join(path, `${kind}_${i}.pb`)))
    if (tensor === undefined || tensor.type === 'string') return undefined
    const values = valuesOf(tensor.type, await readAll(tensor.data))
    tensors.push(array(tensor.shape, Float64Array.from(values as ArrayLike<number>, Number), tensor.type))
  }
  return tensors
}

/** A TensorProto on its own, read as the initializer (field 5) of the graph (field 7) of a model. Undefined: it is another message. */
async function tensorOf(bytes: Uint8Array): Promise<Tensor | undefined> {
  try {
    return (await readModel(field(7, field(5, bytes)))).graph.initializers[0]
  } catch {
    return undefined
  }
}

function field(number: number, bytes: Uint8Array): Uint8Array {
  const length: number[] = []
  for (let rest = bytes.length; ; rest = Math.floor(rest / 128)) {
    length.push(rest >= 128 ? (rest % 128) + 128 : rest)
    if (rest < 128) break
  }
  return Uint8Array.of(number * 8 + 2, ...length, ...bytes)
}
