import type { Categories, SampleFacts } from '@pare/gate'
import { present } from '@pare/onnx'
import type { Batch } from '../data/dataset.js'
import type { ColumnNames } from '../data/rows/columns.js'

/** Gathers what columns say of the samples, batch by batch. */
export function startFacts({ group, isOwnGroup, slices, id }: ColumnNames) {
  const ids: string[] = []
  const grouping = group === undefined ? undefined : startCategories(group)
  const slicing = slices.map(startCategories)
  return {
    add({ columns = {} }: Batch) {
      for (const value of id === undefined ? [] : (columns[id] ?? [])) ids.push(String(value))
      for (const each of [...(grouping ? [grouping] : []), ...slicing])
        for (const value of columns[each.by] ?? []) each.add(value)
    },
    /** Undefined where nothing is known. */
    finish(): SampleFacts | undefined {
      const own = grouping?.finish()
      // All in one group, or each alone, is no grouping that a format would know.
      const isGroup = own !== undefined && !(isOwnGroup && (own.names.length < 2 || own.names.length === own.of.length))
      if (ids.length === 0 && !isGroup && slices.length === 0) return undefined
      return {
        slices: slicing.map((each) => each.finish()),
        ...(ids.length > 0 && { ids }),
        ...present({ group: isGroup ? own : undefined }),
      }
    },
  }
}

function startCategories(by: string) {
  const numbers = new Map<string, number>()
  const of: number[] = []
  return {
    by,
    add(value: string | number) {
      const name = String(value)
      const number = numbers.get(name) ?? numbers.size
      numbers.set(name, number)
      of.push(number)
    },
    finish: (): Categories => ({ by, names: [...numbers.keys()], of }),
  }
}
