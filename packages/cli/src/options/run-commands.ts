import { z } from 'zod'
import { againstOf, folder, own, shardOf } from './own-fields.js'
import { count, path } from './schemas.js'

/** What of a run decides which models have to be done at all: the same for its shards, their plan and their merge. */
const RUN_FIELDS = {
  config: own(path, 'the config file', { argument: 'file', short: 'c', input: true }, 'the nearest pare.config.* upwards'),
  against: own(
    z
      .union([z.literal('none'), z.object({ name: z.string().min(1), path })])
      .describe('a lock file such as main=main.lock.json, or none'),
    'compare with this lock file: say what is demanded less than there',
    { argument: 'name=file', read: againstOf, hint: 'write --against main=main.lock.json' },
    'pare.lock.json, where there is one',
  ),
  carryForward: own(
    z.boolean(),
    'take the outcome of a model from the lock file where nothing that decides it differs; no model is written then',
    { both: true, input: true },
    'off',
  ),
}

const LOCK = own(
  z.boolean(),
  'write pare.lock.json here: what decides each model, what was demanded and what came out, to be committed',
  { both: true, input: true },
  'not written',
)

const BADGE = own(
  z.boolean(),
  'write badge.json beside the results: the verdict, sizes and the metric as a badge of shields.io takes them',
  { both: true, input: true },
  'not written',
)

/** `pare run`, and what belongs to it. */
export const RUN_COMMANDS = {
  run: {
    arguments: '[models...]',
    help: 'Prune, measure and gate all models of the config. This is what the GitHub Action runs.',
    examples: [
      'pare run',
      'pare run model.onnx --data val.npz --metric accuracy --max-drop 0.01',
      'pare run --shard 2/8',
      'pare run --workers 2',
      'pare run --reuse .pare',
    ],
    own: {
      ...RUN_FIELDS,
      out: folder('./pare-out'),
      lock: LOCK,
      badge: BADGE,
      shard: own(
        z
          .union([z.literal('environment'), z.object({ index: count, count }).refine(({ index, count }) => index <= count)])
          .describe('index/count, from 1/8 to 8/8'),
        'only what falls to one of several machines, left for pare merge: without a value the environment tells which (PARE_SHARD, arrays of Slurm and AWS Batch, Kubernetes Indexed Jobs, GitLab, Buildkite, CircleCI)',
        {
          argument: 'index/count',
          read: shardOf,
          bare: 'environment',
          hint: 'run each of 1/3, 2/3 and 3/3, then pare merge pare-out/shards',
        },
      ),
      reuse: own(
        path,
        'a folder for what runs make of models: what an earlier run left there is taken over where nothing that decides it differs, and judged anew',
        { argument: 'folder', input: true, hint: 'keep the folder between runs, such as --reuse .pare' },
        'every model is run',
      ),
      workers: own(count, 'do it in so many processes of this machine, as if they were machines', { argument: 'count' }, '1'),
    },
  },
  'plan-run': {
    arguments: '[models...]',
    help: 'Show how a run is spread over machines: which models, or parts of their evaluation data, fall to whom, and how long that takes. Nothing is done.',
    examples: ['pare plan-run --shards 8', 'pare plan-run --shards 8 --json'],
    like: 'run',
    own: {
      ...RUN_FIELDS,
      shards: own(count, 'how many machines there are', { argument: 'count', required: ['plan-run'] }),
    },
  },
  merge: {
    arguments: '<files...>',
    help: 'Put together what shards left. Of pare run: a folder, and the models and options of the run; the gate judges now. Of pare calibrate: files of statistics.',
    examples: [
      'pare merge pare-out/shards',
      'pare merge downloaded model.onnx --data val.npz --metric accuracy --max-drop 0.01',
      'pare merge stats-1.pare stats-2.pare stats-3.pare --out stats.pare',
    ],
    like: 'run',
    own: {
      ...RUN_FIELDS,
      out: own(path, 'where the results go; of statistics, the file', { argument: 'path', short: 'o' }, './pare-out'),
      lock: LOCK,
      badge: BADGE,
    },
  },
  check: {
    arguments: '[models...]',
    help: 'Look at all settings and data of a run before it: what is wrong, how many samples and labels, how long they take. Nothing is pruned or written.',
    examples: ['pare check', 'pare check model.onnx --data val.csv --label species'],
    like: 'run',
    own: {
      config: own(path, 'the config file', { argument: 'file', short: 'c' }, 'the nearest pare.config.* upwards'),
    },
  },
}
