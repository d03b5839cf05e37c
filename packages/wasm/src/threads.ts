import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

/** A call of a kernel: its number, then up to seven arguments. `SCRATCH` stands for the address of the thread's own area. */
export type Call = readonly [kernel: number, ...parameters: number[]]

/** What one thread does without stopping: calls in order. */
export type Item = readonly Call[]

/** Threads that share a memory with this one and take part in what it does. */
export interface Threads extends AsyncDisposable {
  /** Here and in the threads, until all items are done. Items of one list may run at the same time. Blocks this thread. Throws where a kernel trapped. */
  run(items: readonly Item[]): void
}

/** Only ever an argument. No address is odd. */
export const SCRATCH = 0xffffffff

export interface ThreadsOptions {
  /** This one counted. 1 where the memory is not shared. */
  readonly count: number
  readonly module: WebAssembly.Module
  /** Names of the module's functions, by number. */
  readonly kernels: readonly string[]
  readonly memory: WebAssembly.Memory
  /** Gives the address of an area of its own, a multiple of four. */
  allocate(bytes: number, what: string): number
  /** Bytes of each thread's own area. Default: 0 */
  readonly scratch?: number
}

// Words of a job: how many there were; its number · 2^16 + the next item that nobody has; how many items are done; where the items are; its number · 2^16 + how
// many they are; whether a kernel trapped. The number tells a thread that wakes late that what it claims belongs to a job that is over.
const [COUNT, NEXT, DONE, TABLE, ITEMS, TRAPPED] = [0, 1, 2, 3, 4, 5] as const
const WORDS = 16
const MOST_ITEMS = 60000
/** Words of a call in memory: kernel and arguments. */
const CALL = 8
/** Looks at the memory before a thread goes to sleep, some 20 µs: the next product of a chain comes sooner than a thread wakes. */
const SPINS = 2000

/** Starts threads, which sleep between jobs. They do not keep the process alive. */
export async function startThreads(options: ThreadsOptions): Promise<Threads> {
  const { count, module, kernels, memory, allocate, scratch = 0 } = options
  const words = allocate(4 * WORDS, 'the job')
  const own = Array.from({ length: count }, () => allocate(scratch, 'scratch of a thread'))
  const { exports } = new WebAssembly.Instance(module, { env: { memory } })
  const functions = kernels.map((name) => exports[name] as Kernel)
  const workers = own.slice(1).map((address) => startWorker({ module, kernels, memory, words, address, spins: SPINS }))
  const end = async () => void (await Promise.all(workers.map((worker) => worker.terminate())))
  try {
    await Promise.all(workers.map((worker) => once(worker, 'message')))
  } catch (error) {
    await end()
    throw error
  }
  // A command that fails elsewhere must not wait for them.
  for (const worker of workers) worker.unref()
  const runHere = (items: readonly Item[]) => {
    for (const item of items) for (const call of item) callKernel(functions, call, own[0]!)
  }
  const runShared = jobs({ memory, allocate, words, work: () => claim(memory, words, functions, own[0]!) })
  const run = (items: readonly Item[]) => (workers.length === 0 || items.length < 2 ? runHere(items) : runShared(items))
  return { run, [Symbol.asyncDispose]: end }
}

function callKernel(functions: readonly Kernel[], [kernel, ...parameters]: Call, own: number): void {
  const [a, b, c, d, e, f, g] = parameters.map((each) => (each === SCRATCH ? own : each))
  functions[kernel]!(a, b, c, d, e, f, g)
}

interface Jobs extends Pick<ThreadsOptions, 'memory' | 'allocate'> {
  /** Where the words of a job are. */
  readonly words: number
  /** Does items until nobody has one left. Returns why a kernel trapped. */
  work(): unknown
}

/** Hands items over to the threads, takes part in them, and waits. */
function jobs({ memory, allocate, words, work }: Jobs): Threads['run'] {
  let table = { address: 0, words: 0 }
  return run

  function run(items: readonly Item[]): void {
    if (items.length > MOST_ITEMS) {
      run(items.slice(0, MOST_ITEMS))
      return run(items.slice(MOST_ITEMS))
    }
    writeTable(items)
    const job = new Int32Array(memory.buffer, words, WORDS)
    const number = ((Atomics.load(job, COUNT) + 1) & 0xffff) << 16
    job[TABLE] = table.address
    Atomics.store(job, DONE, 0)
    Atomics.store(job, TRAPPED, 0)
    Atomics.store(job, ITEMS, number | items.length)
    Atomics.store(job, NEXT, number)
    Atomics.add(job, COUNT, 1)
    Atomics.notify(job, COUNT)
    const cause = work()
    // A thread that has not woken yet is not waited for.
    for (let done = Atomics.load(job, DONE), spins = 0; done < items.length; done = Atomics.load(job, DONE)) {
      if (spins++ >= SPINS) Atomics.wait(job, DONE, done)
    }
    if (Atomics.load(job, TRAPPED) !== 0) throw new Error('threads: a kernel trapped', { cause })
  }

  /** Number of calls of each item, where its calls begin, then all calls. */
  function writeTable(items: readonly Item[]): void {
    const calls = items.reduce((sum, item) => sum + item.length, 0)
    const needed = 2 * items.length + CALL * calls
    if (needed > table.words) table = { address: allocate(8 * needed, 'the list of work'), words: 2 * needed }
    const target = new Uint32Array(memory.buffer, table.address, needed)
    let at = 2 * items.length
    for (const [i, item] of items.entries()) {
      target[2 * i] = item.length
      target[2 * i + 1] = at
      for (const call of item) {
        target.set(call, at)
        at += CALL
      }
    }
  }
}

type Kernel = (...parameters: (number | undefined)[]) => void

/**
 * Does items until nobody has one left. Returns why a kernel trapped, the last of several; the item counts as done. Runs in the threads too, from its source
 * text: uses nothing from outside.
 */
function claim(memory: WebAssembly.Memory, words: number, functions: readonly Kernel[], own: number): unknown {
  const job = new Int32Array(memory.buffer, words, 16)
  for (let trap: unknown; ; ) {
    const claimed = Atomics.add(job, 1, 1)
    const items = Atomics.load(job, 4)
    if (claimed >>> 16 !== items >>> 16 || (claimed & 0xffff) >= (items & 0xffff)) return trap
    const table = new Uint32Array(memory.buffer, job[3]! >>> 0)
    const argument = (at: number) => (table[at] === 0xffffffff ? own : table[at])
    const item = claimed & 0xffff
    try {
      for (let c = 0, at = table[2 * item + 1]!; c < table[2 * item]!; c++, at += 8) {
        functions[table[at]!]!(
          argument(at + 1),
          argument(at + 2),
          argument(at + 3),
          argument(at + 4),
          argument(at + 5),
          argument(at + 6),
          argument(at + 7),
        )
      }
    } catch (error) {
      trap = error
      Atomics.store(job, 5, 1)
    }
    if (Atomics.add(job, 2, 1) + 1 === (items & 0xffff)) Atomics.notify(job, 2)
  }
}

interface WorkerFacts {
  readonly module: WebAssembly.Module
  readonly kernels: readonly string[]
  readonly memory: WebAssembly.Memory
  /** Where the words of a job are. */
  readonly words: number
  /** Of the thread's own area. */
  readonly address: number
  readonly spins: number
}

function startWorker(workerData: WorkerFacts): Worker {
  return new Worker(`(${serve.toString()})(${claim.toString()})`, { eval: true, workerData, env: {}, execArgv: [] })
}

/** Runs in a thread, from its source text: uses nothing from outside, so that a bundle needs no second file. */
function serve(work: typeof claim): void {
  const { parentPort, workerData } = process.getBuiltinModule('node:worker_threads')
  const { module, kernels, memory, words, address, spins } = workerData as WorkerFacts
  const { exports } = new WebAssembly.Instance(module, { env: { memory } })
  const functions = kernels.map((name) => exports[name] as Kernel)
  const job = new Int32Array(memory.buffer, words, 16)
  parentPort?.postMessage('ready')
  for (let count = 0; ; ) {
    for (let spun = 0; Atomics.load(job, 0) === count; spun++) if (spun >= spins) Atomics.wait(job, 0, count)
    count = Atomics.load(job, 0)
    work(memory, words, functions, address)
  }
}
