import { defineMetric, type Numbers, ratio } from '@pare/metric'
import { PareError } from '@pare/onnx'
import { spansOf } from './parts/spans.js'

export const entityF1 = defineMetric({
  name: 'entity-f1',
  formula: '2·TP ÷ (2·TP + FP + FN) over entities: right is one of the same first word, last word and type',
  create: () => ({
    better: 'higher',
    bounded: true,
    needs: { read: 'answers', against: 'class' },
    /** Entities that are found, found wrongly, missed. */
    of({ answers, label, names }) {
      const spans = spansOf(tagsOf(answers, names))
      const expected = new Set(spansOf(tagsOf(label, names)))
      const hits = spans.filter((span) => expected.has(span)).length
      return [hits, spans.length - hits, expected.size - hits]
    },
    combine(records, weights) {
      let [hits, errors] = [0, 0]
      for (const [i, record] of records.entries()) {
        const weight = weights?.[i] ?? 1
        hits += weight * (record[0] ?? 0)
        errors += weight * ((record[1] ?? 0) + (record[2] ?? 0))
      }
      return ratio(2 * hits, 2 * hits + errors)
    },
  }),
})

function tagsOf(classes: Numbers, names: readonly string[] | undefined): string[] {
  if (names === undefined) {
    throw new PareError("metric 'entity-f1': the names of the classes are not known, which say where an entity begins.", {
      hint: 'name them in the order of the classes: names: [O, B-PER, I-PER].',
    })
  }
  return Array.from(classes, (one) => names[one] ?? 'O')
}
