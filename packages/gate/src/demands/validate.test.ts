import { describe, expect, test } from 'vitest'
import { validateGate } from './validate.js'

const METRICS = {
  accuracy: { metric: 'accuracy', bounded: true, classes: true },
  mse: { metric: 'mse', bounded: false, classes: false },
}
const known = {
  metric: 'accuracy',
  metrics: Object.keys(METRICS),
  traitsOf: (name: string) => METRICS[name as keyof typeof METRICS],
  columns: ['language', 'source'],
}
const problems = (gate: unknown) => validateGate(gate, known).map(({ at, message, hint }) => `${at}: ${message}. ${hint}`)

describe('a list of demands', () => {
  test('without a fault has no problem', () => {
    const demands = [
      { maxDrop: 0.01 },
      { where: 'language=de', maxDrop: 0.02 },
      { by: 'source', maxDrop: 0.02, certainty: 0.95 },
      { classes: true, maxDrop: 0.1 },
    ]
    expect(
      problems([
        ...demands,
        { metric: 'mse', maxDrop: { relative: 0.1 } },
        { maxSize: 0.5, maxMacs: 0.5 },
        { maxLatency: 1, certainty: 0.95 },
      ]),
    ).toEqual([])
    expect(problems({ maxDrop: 0.01 })).toEqual([])
  })

  test.each([
    [[], /^: the gate is an empty list/],
    [[0.01], /^\[0\]: a demand is 0.01, expected an object/],
    [
      [{ maxDrop: 0.01 }, { metric: 'acuracy', maxDrop: 0.01 }],
      /^\[1\].metric: metric 'acuracy' is unknown. metrics: accuracy, mse/,
    ],
    [[{ metric: 'mse', maxDrop: 0.01 }], /^\[0\].maxDrop: maxDrop is 0.01, absolute, but mse has no fixed range/],
    [[{ where: 'lang=de', maxDrop: 0.01 }], /^\[0\].where: there is no column 'lang'. the data have language, source/],
    [
      [{ where: 'language', maxDrop: 0.01 }],
      /^\[0\].where: where is 'language', expected a column and one of its values. write where: 'language=de'/,
    ],
    [[{ by: 'language=de', maxDrop: 0.01 }], /^\[0\].by: by is 'language=de', expected the name of a column/],
    [
      [{ by: 'language', classes: true, maxDrop: 0.01 }],
      /^\[0\].classes: by and classes are set in one demand. write a demand for each/,
    ],
    [
      [{ metric: 'mse', classes: true, maxDrop: { relative: 0.1 } }],
      /^\[0\].classes: classes is set, but mse has no classes. set it for accuracy/,
    ],
    [
      [{ by: 'language', maxDrop: 0.01, maxLatency: 1 }],
      /^\[0\].maxLatency: maxLatency is of the whole model.* write a demand of its own: \{ maxLatency: 1 \}/,
    ],
    [[{ by: 'language' }], /^\[0\]: no limit is set/],
    [[{ maxSize: 0 }], /^\[0\].maxSize: maxSize is 0, expected a fraction of the reference's bytes/],
    [[{ maxDrop: 0.01, output: 'y' }], /^\[0\].output: 'output' is not a limit/],
  ])('%j has a problem', (gate, message) => {
    expect(problems(gate)).toEqual([expect.stringMatching(message)])
  })
})
