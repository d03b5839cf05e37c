// One target, in a worker. What is run now is where the main thread sees it, should it never end.
import { parentPort, workerData } from 'node:worker_threads'
import { fuzz } from './run.mjs'

const { target, beat, current, ...settings } = workerData
const heartbeat = new Int32Array(beat)
const shown = new Uint8Array(current)
const end = await fuzz(target, {
  ...settings,
  onInput(input) {
    Atomics.add(heartbeat, 0, 1)
    heartbeat[1] = Math.min(input.length, shown.length)
    shown.set(input.subarray(0, shown.length))
  },
  onFinding: ({ input, fault }) => parentPort.postMessage({ kind: 'finding', input: new Uint8Array(input), fault }),
})
parentPort.postMessage({ kind: 'end', ...end })
