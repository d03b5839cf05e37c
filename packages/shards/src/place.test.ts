import { describe, expect, test } from 'vitest'
import { placeFrom, rerunning } from './place.js'

describe('the environment tells which shard this is', () => {
  test.each([
    [{ PARE_SHARD: '2/8' }, 2, 8],
    [{ SLURM_ARRAY_TASK_ID: '8', PARE_SHARDS: '8' }, 8, 8],
    [{ JOB_COMPLETION_INDEX: '0', PARE_SHARDS: '4' }, 1, 4],
    [{ AWS_BATCH_JOB_ARRAY_INDEX: '3', AWS_BATCH_JOB_ARRAY_SIZE: '4' }, 4, 4],
    [{ CI_NODE_INDEX: '1', CI_NODE_TOTAL: '5' }, 1, 5],
    [{ BUILDKITE_PARALLEL_JOB: '2', BUILDKITE_PARALLEL_JOB_COUNT: '3' }, 3, 3],
    [{ CIRCLE_NODE_INDEX: '1', CIRCLE_NODE_TOTAL: '3' }, 2, 3],
    // What is said wins over what an engine says.
    [{ PARE_SHARD: '1/2', CI_NODE_INDEX: '4', CI_NODE_TOTAL: '5' }, 1, 2],
  ])('%o', (env, index, count) => {
    expect(placeFrom(env)).toEqual({ index, count })
  })

  test.each([
    [{}, 'nothing in the environment tells which shard this is'],
    [{ PARE_SHARD: '9/8' }, "PARE_SHARD is '9/8'; expected PARE_SHARD=2/8"],
    [{ PARE_SHARD: '0/8' }, "PARE_SHARD is '0/8'"],
    [{ PARE_SHARD: 'two' }, "PARE_SHARD is 'two'"],
    [
      { JOB_COMPLETION_INDEX: '2' },
      'a Kubernetes Indexed Job tells which one this is (JOB_COMPLETION_INDEX=2), not how many there are',
    ],
    [
      { SLURM_ARRAY_TASK_ID: '0', PARE_SHARDS: '8' },
      "SLURM_ARRAY_TASK_ID is '0', of 8; expected SLURM_ARRAY_TASK_ID from 1 to 8, of 8",
    ],
    [{ CI_NODE_INDEX: '6', CI_NODE_TOTAL: '5' }, "CI_NODE_INDEX is '6', of 5"],
  ])('%o is refused', (env, message) => {
    expect(() => placeFrom(env)).toThrow(message)
  })

  test('what is missing is run again as each engine numbers it', () => {
    expect(rerunning([3, 5], 8)).toEqual([
      'pare run --shard 3/8; pare run --shard 5/8',
      'Slurm: sbatch --array=3,5',
      'numbers from 0, as Kubernetes and AWS Batch count: 2,4',
    ])
  })
})
