import { parquetWriteBuffer } from 'hyparquet-writer'
import { npz } from './files.js'
import { best, csv, LAYERS, mistaken, network, onnx, product, type Random, seeded, share, times, weights } from './made.js'
import type { Task } from './task.js'

const COLUMNS = ['age', 'income', 'visits', 'distance', 'score', 'height', 'weight', 'hours']
const WIDTH = COLUMNS.length
const CLASSES = ['cat', 'dog', 'fox']

const rowsOf = (random: Random, count: number) => times(count, () => times(WIDTH, () => Number(random.normal().toFixed(4))))

/** A table with the columns of the model, and samples of three classes. */
function classTable(seed: number, count = 300) {
  const random = seeded(seed)
  const { forward, declared, values } = network(random, WIDTH, CLASSES.length)
  const rows = rowsOf(random, count)
  const answers = rows.map((row) => best(forward(row)))
  const labels = answers.map((answer) => mistaken(random, answer, CLASSES.length))
  const model = () => onnx(`table (float[N, ${WIDTH}] x) => (float[N, 3] y) <${declared}> { ${LAYERS} }`, values)
  return { random, rows, answers, labels, model, value: share(answers, (answer, i) => answer === labels[i]) }
}

const yesOrNo: Task = {
  name: 'Yes or no',
  model: 'one number from a sigmoid, `float[N, 1]`',
  data: '`val.csv`: a column for each feature, `label` 0 or 1',
  options: '--data val.csv --metric accuracy --metric auc',
  metric: 'accuracy',
  async make() {
    const random = seeded(1)
    const { forward, declared, values } = network(random, WIDTH, 1)
    const rows = rowsOf(random, 300)
    const answers = rows.map((row) => Number(forward(row)[0]! > 0))
    const labels = answers.map((answer) => mistaken(random, answer, 2))
    const model = `yes (float[N, ${WIDTH}] x) => (float[N, 1] p) <${declared}> { ${LAYERS} p = Sigmoid(y) }`
    return {
      files: {
        'model.onnx': await onnx(model, values),
        'val.csv': csv(
          [...COLUMNS, 'label'],
          rows.map((row, i) => [...row, labels[i]!]),
        ),
      },
      value: share(answers, (answer, i) => answer === labels[i]),
    }
  },
}

const namedClasses: Task = {
  name: 'One of several classes, by name',
  model: 'scores, `float[N, 3]`',
  data: '`val.csv`: a column for each feature, and `species`: cat, dog or fox',
  options: '--data val.csv --label species --classes cat,dog,fox',
  metric: 'accuracy',
  async make() {
    const { rows, labels, model, value } = classTable(2)
    const table = csv(
      [...COLUMNS, 'species'],
      rows.map((row, i) => [...row, CLASSES[labels[i]!]!]),
    )
    return { files: { 'model.onnx': await model(), 'val.csv': table }, value }
  },
}

const scikitLearn: Task = {
  name: 'A scikit-learn export as it comes',
  model: '`output_label`, then `output_probability` from ZipMap',
  data: '`val.csv`: a column for each feature, and `target`',
  options: '--data val.csv',
  metric: 'accuracy',
  async make() {
    const random = seeded(3)
    const { forward, declared, values } = network(random, WIDTH, CLASSES.length)
    const rows = rowsOf(random, 300)
    const answers = rows.map((row) => best(forward(row)))
    const labels = answers.map((answer) => mistaken(random, answer, CLASSES.length))
    const model = `skl (float[N, ${WIDTH}] x) => (int64[N] output_label, output_probability) <${declared}> { ${LAYERS}
      probabilities = Softmax(y)
      output_label = ArgMax<axis: int = 1, keepdims: int = 0>(y)
      output_probability = ai.onnx.ml.ZipMap<classlabels_int64s = [0, 1, 2]>(probabilities) }`
    const table = csv(
      [...COLUMNS, 'target'],
      rows.map((row, i) => [...row, labels[i]!]),
    )
    const value = share(answers, (answer, i) => answer === labels[i])
    return { files: { 'model.onnx': await onnx(model, values), 'val.csv': table }, value }
  },
}

const regression: Task = {
  name: 'Regression',
  model: 'a number, `float[N, 1]`',
  data: '`val.csv`: a column for each feature, and `price`',
  options: '--data val.csv --label price --metric r2',
  metric: 'r2',
  async make() {
    const random = seeded(4)
    const { forward, declared, values } = network(random, WIDTH, 1)
    const rows = rowsOf(random, 300)
    const answers = rows.map((row) => forward(row)[0]!)
    const prices = answers.map((answer) => Number((answer + random.normal()).toFixed(4)))
    const mean = prices.reduce((sum, price) => sum + price, 0) / prices.length
    const squares = (of: (price: number, i: number) => number) => prices.reduce((sum, price, i) => sum + of(price, i) ** 2, 0)
    const table = csv(
      [...COLUMNS, 'price'],
      rows.map((row, i) => [...row, prices[i]!]),
    )
    const model = `price (float[N, ${WIDTH}] x) => (float[N, 1] y) <${declared}> { ${LAYERS} }`
    return {
      files: { 'model.onnx': await onnx(model, values), 'val.csv': table },
      value: 1 - squares((price, i) => price - answers[i]!) / squares((price) => price - mean),
    }
  },
}

const severalLabels: Task = {
  name: 'Several labels at once',
  model: 'a logit for each label, `float[N, 4]`',
  data: '`val.npz`: `x` [N, 8], `label` [N, 4] of 0 and 1',
  options: '--data val.npz --metric f1:average=micro',
  metric: 'f1:average=micro',
  async make() {
    const random = seeded(5)
    const { forward, declared, values } = network(random, WIDTH, 4)
    const rows = rowsOf(random, 300)
    const answers = rows.flatMap((row) => forward(row).map((logit) => Number(logit > 0)))
    const labels = answers.map((answer) => mistaken(random, answer, 2))
    const right = answers.filter((answer, i) => answer === 1 && labels[i] === 1).length
    const wrong = answers.filter((answer, i) => answer !== labels[i]).length
    const data = npz({
      x: { type: 'f4', shape: [300, WIDTH], values: rows.flat() },
      label: { type: 'i8', shape: [300, 4], values: labels },
    })
    const model = `labels (float[N, ${WIDTH}] x) => (float[N, 4] y) <${declared}> { ${LAYERS} }`
    return { files: { 'model.onnx': await onnx(model, values), 'val.npz': data }, value: (2 * right) / (2 * right + wrong) }
  },
}

const parquet: Task = {
  name: 'A Parquet table',
  model: 'scores, `float[N, 3]`',
  data: '`val.parquet` of pandas: a column for each feature, and `label`',
  options: '--data val.parquet --metric balanced-accuracy',
  metric: 'balanced-accuracy',
  async make() {
    const { rows, answers, labels, model } = classTable(6)
    const columnData = [
      ...COLUMNS.map((name, column) => ({ name, data: rows.map((row) => row[column]!), type: 'DOUBLE' as const })),
      { name: 'label', data: labels.map(BigInt), type: 'INT64' as const },
    ]
    const shares = CLASSES.map((_, label) => {
      const own = answers.filter((_, i) => labels[i] === label)
      return share(own, (answer) => answer === label)
    })
    const value = shares.reduce((sum, each) => sum + each, 0) / shares.length
    return { files: { 'model.onnx': await model(), 'val.parquet': new Uint8Array(parquetWriteBuffer({ columnData })) }, value }
  },
}

const groups: Task = {
  name: 'Several samples of one patient',
  model: 'scores, `float[N, 3]`',
  data: '`val.csv`: `patient`, a column for each feature, and `label`',
  options: '--data val.csv --group patient',
  metric: 'accuracy',
  async make() {
    const { rows, labels, model, value } = classTable(7, 320)
    const table = csv(
      ['patient', ...COLUMNS, 'label'],
      rows.map((row, i) => [`P${Math.floor(i / 8)}`, ...row, labels[i]!]),
    )
    return { files: { 'model.onnx': await model(), 'val.csv': table }, value }
  },
}

const slices: Task = {
  name: 'Slices, each with a limit',
  model: 'scores, `float[N, 3]`',
  data: '`val.csv`: `language`, a column for each feature, and `label`',
  options: '',
  config: `models: [{ path: model.onnx }]
evaluate: { data: val.csv, slices: [language] }
gate:
  - { maxDrop: 0.01 }
  - { by: language, maxDrop: 0.02 }
  - { where: 'language=de', maxDrop: 0.02 }
  - { classes: true, maxDrop: 0.05 }
`,
  metric: 'accuracy',
  async make() {
    const { rows, labels, model, value } = classTable(8, 400)
    const table = csv(
      ['language', ...COLUMNS, 'label'],
      rows.map((row, i) => [['de', 'en', 'fr'][i % 3]!, ...row, labels[i]!]),
    )
    return { files: { 'model.onnx': await model(), 'val.csv': table }, value }
  },
}

const noLabels: Task = {
  name: 'No labels at all',
  model: 'scores, `float[N, 3]`',
  data: '`val.jsonl`: an input on each line, no label',
  options: '--data val.jsonl --metric agreement',
  metric: 'agreement',
  async make() {
    const { rows, model } = classTable(9)
    return {
      files: { 'model.onnx': await model(), 'val.jsonl': rows.map((x) => JSON.stringify({ x })).join('\n') },
      value: 1,
    }
  },
}

const embeddings: Task = {
  name: 'Embeddings that should stay where they are',
  model: 'a vector, `embeddings` `float[N, 16]`',
  data: '`val.npz`: `x`, no label',
  options: '--data val.npz --metric cosine:against=reference',
  metric: 'cosine:against=reference',
  async make() {
    const random = seeded(10)
    const model = `vectors (float[N, 8] x) => (float[N, 16] embeddings) <float[8, 16] w> { embeddings = MatMul(x, w) }`
    const data = npz({ x: { type: 'f4', shape: [200, WIDTH], values: rowsOf(random, 200).flat() } })
    return { files: { 'model.onnx': await onnx(model, { w: weights(random, 128) }), 'val.npz': data }, value: 1 }
  },
}

const retrieval: Task = {
  name: 'Embeddings that should find their kind',
  model: 'a vector, `embeddings` `float[N, 16]`',
  data: '`val.npz`: `x`, and `label`: a number for each kind',
  options: '--data val.npz --metric recall-at-1',
  metric: 'recall-at-1',
  async make() {
    const random = seeded(11)
    const w = weights(random, 128)
    const labels = times(240, (i) => i % 8)
    const centres = times(8, () => times(WIDTH, () => 2 * random.normal()))
    const rows = labels.map((label) => centres[label]!.map((each) => Math.fround(each + 0.6 * random.normal())))
    const vectors = rows.map((row) => product(row, w, 16))
    const cosine = (a: readonly number[], b: readonly number[]) =>
      product(a, b, 1)[0]! / Math.sqrt(product(a, a, 1)[0]! * product(b, b, 1)[0]!)
    const nearest = vectors.map((own, i) => best(vectors.map((other, at) => (at === i ? -2 : cosine(own, other)))))
    const data = npz({
      x: { type: 'f4', shape: [240, WIDTH], values: rows.flat() },
      label: { type: 'i8', shape: [240], values: labels },
    })
    const model = `vectors (float[N, 8] x) => (float[N, 16] embeddings) <float[8, 16] w> { embeddings = MatMul(x, w) }`
    return {
      files: { 'model.onnx': await onnx(model, { w }), 'val.npz': data },
      value: share(nearest, (one, i) => labels[one] === labels[i]),
    }
  },
}

export const TABLES: readonly Task[] = [yesOrNo, namedClasses, scikitLearn, regression, severalLabels, parquet, groups, slices]
export const VECTORS: readonly Task[] = [noLabels, embeddings, retrieval]
