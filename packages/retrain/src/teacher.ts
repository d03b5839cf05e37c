import { type Batch, createSession, inputsFor, type NdArray, type Runtime, toModelValue } from '@pare/evaluate'
import { PareError } from '@pare/onnx'

/** The model that is learnt from. */
export interface Teacher extends AsyncDisposable {
  /** What it gives for a batch, by the name of the loss's input. Blocks this thread. */
  ask(batch: Batch): Promise<Record<string, NdArray>>
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
      const found = await session.run(Object.fromEntries(feeds), [...outputs.keys()]).catch((cause: Error) => {
        throw new PareError(`retrain: the teacher fails on a batch of ${batch.size}: ${cause.message}`, {
          hint: 'the reference must take the same inputs as the model that is trained.',
          cause,
        })
      })
      return Object.fromEntries(
        [...outputs].map(([value, target]) => {
          const { type, dims, data } = found[value]!
          return [target, { type: type as NdArray['type'], shape: dims, data: data as NdArray['data'] }]
        }),
      )
    },
    [Symbol.asyncDispose]: () => session.release(),
  }
}
