import { PareError } from '@pare/onnx'

/** Which of how many shards a machine is. */
export interface ShardPlace {
  /** From 1 on. */
  readonly index: number
  readonly count: number
}

type Environment = Readonly<Record<string, string | undefined>>

/** An engine that runs the same job many times, and tells each which one it is. */
interface ShardEngine {
  readonly name: string
  /** The variable with the number. */
  readonly index: string
  /** What the first is called. */
  readonly first: 0 | 1
  /** The variable with how many there are. Absent: it does not say. */
  readonly count?: string
}

/** Who is asked, in this order. Numbers of a Slurm array are what the user makes them: from 1 on, as `--array=1-8` does. */
export const SHARD_ENGINES: readonly ShardEngine[] = [
  { name: 'a Slurm array', index: 'SLURM_ARRAY_TASK_ID', first: 1 },
  { name: 'a Kubernetes Indexed Job', index: 'JOB_COMPLETION_INDEX', first: 0 },
  { name: 'an AWS Batch array', index: 'AWS_BATCH_JOB_ARRAY_INDEX', first: 0, count: 'AWS_BATCH_JOB_ARRAY_SIZE' },
  { name: 'parallel jobs of GitLab', index: 'CI_NODE_INDEX', first: 1, count: 'CI_NODE_TOTAL' },
  { name: 'parallel jobs of Buildkite', index: 'BUILDKITE_PARALLEL_JOB', first: 0, count: 'BUILDKITE_PARALLEL_JOB_COUNT' },
  { name: 'parallelism of CircleCI', index: 'CIRCLE_NODE_INDEX', first: 0, count: 'CIRCLE_NODE_TOTAL' },
]

/**
 * The place of this machine, as its environment tells it: PARE_SHARD ('2/8'), else what the engine says, with PARE_SHARDS as how many there are where it says only
 * which one this is. Throws PareError where nothing tells, or where it makes no sense.
 */
export function placeFrom(env: Environment): ShardPlace {
  const own = env.PARE_SHARD
  if (own !== undefined && own !== '') {
    const [, index, count] = /^(\d+)\/(\d+)$/.exec(own.trim()) ?? []
    return checked({ index: Number(index), count: Number(count) }, `PARE_SHARD is '${own}'`, 'PARE_SHARD=2/8')
  }
  const engine = SHARD_ENGINES.find(({ index }) => env[index] !== undefined && env[index] !== '')
  if (engine === undefined)
    throw new PareError('shards: nothing in the environment tells which shard this is.', {
      hint: `give it, such as --shard 2/8 or PARE_SHARD=2/8; known are ${SHARD_ENGINES.map(({ name }) => name).join(', ')}.`,
    })
  const all = env.PARE_SHARDS || (engine.count && env[engine.count])
  if (all === undefined)
    throw new PareError(
      `shards: ${engine.name} tells which one this is (${engine.index}=${env[engine.index]}), not how many there are.`,
      {
        hint: 'set PARE_SHARDS to how many there are, such as PARE_SHARDS=8.',
      },
    )
  const index = Number(env[engine.index]) + 1 - engine.first
  const expected = `${engine.index} from ${engine.first} to ${Number(all) - 1 + engine.first}, of ${all}`
  return checked({ index, count: Number(all) }, `${engine.index} is '${env[engine.index]}', of ${all}`, expected)
}

function checked(place: ShardPlace, is: string, expected: string): ShardPlace {
  const { index, count } = place
  if (Number.isInteger(index) && Number.isInteger(count) && index >= 1 && index <= count) return place
  throw new PareError(`shards: ${is}; expected ${expected}.`, {
    hint: 'shards are numbered from 1/8 to 8/8, or as the engine numbers them.',
  })
}

/** How these shards are run again: for each engine one expression. `of` many. */
export function rerunning(missing: readonly number[], of: number): readonly string[] {
  const listed = (first: 0 | 1) => missing.map((index) => index - 1 + first).join(',')
  return [
    missing.map((index) => `pare run --shard ${index}/${of}`).join('; '),
    `Slurm: sbatch --array=${listed(1)}`,
    `numbers from 0, as Kubernetes and AWS Batch count: ${listed(0)}`,
  ]
}
