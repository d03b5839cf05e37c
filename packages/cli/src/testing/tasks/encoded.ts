import { tokenizer } from './files.js'
import { lines, onnx, seeded, times } from './made.js'
import type { Task } from './task.js'

const WORDS = 40
const WIDTH = 8

const similarity: Task = {
  name: 'Embeddings of two texts, against a score',
  model: 'a vector for each token, `last_hidden_state` `float[N, T, 8]`',
  data: '`val.jsonl`: `{"sentence1": "…", "sentence2": "…", "score": 3.8}`',
  options: '--data val.jsonl --tokenizer tokenizer.json --metric spearman:pairs=mean',
  metric: 'spearman:pairs=mean',
  async make() {
    const random = seeded(41)
    const table = times(WORDS * WIDTH, () => random.normal())
    // Half of a square matrix next to nothing: what it adds can go, and the identity in it cannot.
    const w = times(WIDTH * WIDTH, (i) => (i % (WIDTH + 1) === 0 ? 1 : 1e-5 * random.normal()))
    const sentence = () => times(4 + random.below(4), () => random.below(WORDS))
    const mean = (ids: readonly number[]) =>
      times(WIDTH, (at) => ids.reduce((sum, id) => sum + table[id * WIDTH + at]!, 0) / ids.length)
    const rows = times(200, () => {
      const [one, other] = [sentence(), sentence()]
      return { one, other, score: 5 * cosine(mean(one), mean(other)) + 0.2 * random.normal() }
    })
    const written = (ids: readonly number[]) => ids.map((id) => `w${id}`).join(' ')
    return {
      files: {
        'model.onnx': await onnx(
          `encoder (int64[N, T] input_ids, int64[N, T] attention_mask) => (float[N, T, ${WIDTH}] last_hidden_state)
           <float[${WORDS}, ${WIDTH}] e, float[${WIDTH}, ${WIDTH}] w, int64[1] last = {2}>
           { rows = Gather(e, input_ids) mask = Cast<to: int = 1>(attention_mask) mask3 = Unsqueeze(mask, last)
             own = Mul(rows, mask3) last_hidden_state = MatMul(own, w) }`,
          { e: table, w },
        ),
        'tokenizer.json': tokenizer(WORDS),
        'val.jsonl': lines(
          rows.map(({ one, other, score }) => ({
            sentence1: written(one),
            sentence2: written(other),
            score: Number(score.toFixed(3)),
          })),
        ),
      },
    }
  },
}

function cosine(a: readonly number[], b: readonly number[]): number {
  const product = (x: readonly number[], y: readonly number[]) => x.reduce((sum, each, i) => sum + each * y[i]!, 0)
  return product(a, b) / Math.sqrt(product(a, a) * product(b, b))
}

export const ENCODED: readonly Task[] = [similarity]
