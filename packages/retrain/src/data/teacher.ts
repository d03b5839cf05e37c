import { type Batch, createSession, inputsFor, type NdArray, type Runtime, toModelValue } from '@pare/evaluate'
import { PareError } from '@pare/onnx'

/** The model that is learnt from. */
export interface Teacher extends AsyncDisposable {
  /** What it gives for a batch, by the name of the loss's input; `numbers` are those of its samples. Blocks this thread. */
  ask(batch: Batch, numbers: Uint32Array): Promise<Record<string, NdArray>>
}

const MOST_REMEMBERED = 2 ** 28

/** A teacher that is asked once for each sample, as long as its answers fit into so many bytes. */
export function remembering(teacher: Teacher, most = MOST_REMEMBERED): Pick<Teacher, 'ask'> {
  const memory = new Map<number, Readonly<Record<string, NdArray>>>()
  let bytes = 0
  return {
    async ask(batch, numbers) {
      const remembered = Array.from(numbers, (number) => memory.get(number))
      if (remembered.every((answer) => answer !== undefined)) return stacked(remembered)
      const answers = await teacher.ask(batch, numbers)
      for (const [row, number] of numbers.entries()) {
        if (memory.has(number) || bytes >= most) continue
        const own = rowOf(answers, row, batch.size)
        memory.set(number, own)
        bytes += Object.values(own).reduce((sum, { data }) => sum + data.byteLength, 0)
      }
      return answers
    },
  }
}

function rowOf(answers: Readonly<Record<string, NdArray>>, row: number, rows: number): Record<string, NdArray> {
  const sampleOf = ({ type, shape, data }: NdArray): NdArray => {
    const width = data.length / rows
    return { type, shape: shape.slice(1), data: data.slice(row * width, (row + 1) * width) as NdArray['data'] }
  }
  return Object.fromEntries(Object.entries(answers).map(([name, array]) => [name, sampleOf(array)]))
}

function stacked(rows: readonly Readonly<Record<string, NdArray>>[]): Record<string, NdArray> {
  return Object.fromEntries(
    Object.entries(rows[0]!).map(([name, { type, shape, data }]) => {
      const all = new Float32Array(rows.length * data.length)
      for (const [row, own] of rows.entries()) all.set(own[name]!.data as Float32Array, row * data.length)
      return [name, { type, shape: [rows.length, ...shape], data: all }]
    }),
  )
}

/** `outputs`: input of the loss by value of the teacher. */
export async function openTeacher(
  runtime: Runtime,
  path: string,
  { outputs, threads }: { outputs: ReadonlyMap<string, string>; threads: number },
): Promise<Teacher> {
  const { ort } = runtime
  const session = await createSession(runtime, path, { threads, spinning: true })
  const inputs = session.inputMetadata.flatMap(toModelValue)
  return {
    async ask(batch) {
      const feeds = Object.entries(inputsFor(inputs, batch)).map(([name, { type, data, shape }]) => [
        name,
        new ort.Tensor(type, data as never, shape),
      ])
      const results = await session.run(Object.fromEntries(feeds), [...outputs.keys()]).catch((cause: Error) => {
        throw new PareError(`retrain: the teacher fails on a batch of ${batch.size}: ${cause.message}`, {
          hint: 'the reference must take the same inputs as the model that is trained.',
          cause,
        })
      })
      return Object.fromEntries(
        [...outputs].map(([value, target]) => {
          const { type, dims, data } = results[value]!
          return [target, { type: type as NdArray['type'], shape: dims, data: data as NdArray['data'] }]
        }),
      )
    },
    [Symbol.asyncDispose]: () => session.release(),
  }
}
