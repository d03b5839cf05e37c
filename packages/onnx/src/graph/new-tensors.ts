import type { Graph, Tensor } from '../model.js'
import { makeTensor } from './make.js'

/** Constants that are to be added to a graph, under names that it does not have. */
export class NewTensors {
  readonly all: Tensor[] = []
  readonly #names: Set<string>

  constructor({ nodes, inputs, initializers }: Graph) {
    this.#names = new Set([...nodes.flatMap(({ outputs }) => outputs), ...[...inputs, ...initializers].map(({ name }) => name)])
  }

  /** The name that it got: the wanted one, or that with a number. */
  add(wanted: string, fields: Omit<Parameters<typeof makeTensor>[0], 'name'>): string {
    let name = wanted
    for (let i = 2; this.#names.has(name); i++) name = `${wanted}_${i}`
    this.#names.add(name)
    this.all.push(makeTensor({ name, ...fields }))
    return name
  }
}
