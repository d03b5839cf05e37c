// A process of the matrix: models come in, cells go out one by one. What crashes ONNX Runtime ends this process and no other.
import { cellsOf } from './cells.mjs'

process.on('message', async ({ job, structures }) => {
  try {
    await cellsOf(job, structures, (cell) => process.send({ cell }))
    process.send({ done: true })
  } catch (error) {
    process.send({ done: true, failure: String(error.stack).slice(0, 400) })
  }
})
process.on('disconnect', () => process.exit())
