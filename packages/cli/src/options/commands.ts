import { availableParallelism } from 'node:os'
import { QUANTISERS } from '@pare/quantise/choices'
import { z } from 'zod'
import { amounts, amountsOf, folder, masks, own, pluginOptions, shardOf } from './own-fields.js'
import type { Field, Fields } from './row.js'
import { RUN_COMMANDS } from './run-commands.js'
import { axisSizes, count, listed, oneOf, path, positive } from './schemas.js'
import { numberOf, parts, sizesOf } from './text.js'

/** A command, as help shows it. What it shares with others stands in the sections of a config. */
interface Command {
  /** As commander has them: '<model>', '[models...]'. */
  readonly arguments: string
  readonly help: string
  readonly examples: readonly string[]
  /** A command whose options it shares, but for those that the other has alone. */
  readonly like?: string
  /** What only this command has. */
  readonly own: Fields
  /** Options of its own that say something of a model's settings: where that stands. */
  readonly places?: Readonly<Record<string, string>>
}

/** How `init` may write a config. */
export const CONFIG_FORMATS = ['ts', 'json', 'yaml'] as const

export const COMMANDS = {
  prune: {
    arguments: '<model>',
    help: 'Prune one model, or the models of a folder, and write them to another folder.',
    examples: [
      'pare prune model.onnx',
      'pare prune ./my-model --structure head --ratio 0.25 --uniform',
      'pare prune model.onnx --sparsity 0.8 --scope tensor --exclude "/lm_head/*"',
      'pare prune model.onnx --criterion wanda --calibrate calibrate.npz --samples 256',
      'pare prune model.onnx --sparsity 0.9 --recover retrain --train train.npz --schedule cubic:5',
      'pare prune model.onnx --criterion magnitude:p=2 --out out --json',
    ],
    own: { out: folder('./pare-out/<model name>'), masks: masks() },
  },
  plan: {
    arguments: '<model>',
    help: 'Make the same decisions as prune and write them down as a plan; nothing is applied.',
    examples: ['pare plan model.onnx --sparsity 0.8', 'pare replay pare-out/model/model.plan.json model.onnx'],
    own: { out: folder('./pare-out/<model name>'), masks: masks() },
  },
  replay: {
    arguments: '<plan> <model>',
    help: 'Apply a plan that was written before: the same bytes on every machine. Also to the checkpoint in safetensors that the ONNX model was exported from.',
    examples: [
      'pare replay pare-out/model/model.plan.json model.onnx',
      'pare replay pare-out/model/model.plan.json ./checkpoint --model model.onnx',
      'pare replay pare-out/model/model.plan.json trained-on.onnx --like model.onnx',
    ],
    own: {
      out: folder('./pare-out/<model name>'),
      model: own(
        path,
        'the plan goes to a checkpoint (a folder with .safetensors files, their index, or one such file), and this is the ONNX model that was exported from it and that the plan was made for',
        { argument: 'exported' },
        'the path that the plan names',
      ),
      masks: masks(),
      like: own(
        path,
        'the model that the plan was made for: the same zeros and cuts are made in another model with the same tensors, such as one that was trained on',
        { argument: 'original' },
      ),
    },
  },
  evaluate: {
    arguments: '<model>',
    help: 'Measure one model over a data set.',
    examples: [
      'pare evaluate model.onnx --data val.npz --metric accuracy',
      'pare evaluate lm.onnx --data test.txt --tokenizer tokenizer.json --metric perplexity',
    ],
    own: {
      reference: own(path, 'the model that agreement and kl compare with', { argument: 'model' }),
    },
  },
  calibrate: {
    arguments: '<model>',
    help: 'Measure what criteria need of calibration data, for all weights, and write it to a file that prune, plan and run take.',
    examples: [
      'pare calibrate model.onnx --data calibrate.npz --criterion wanda --out stats.pare',
      'pare prune model.onnx --criterion wanda --calibrate stats.pare',
    ],
    own: {
      out: own(path, 'the file of statistics, such as stats.pare', { argument: 'file', short: 'o', required: ['calibrate'] }),
      criterion: own(
        z.array(path).describe('a criterion, such as wanda'),
        'measure what this one needs',
        { argument: 'name', repeatable: true },
        'wanda',
      ),
      shard: own(
        z
          .object({ index: count, count })
          .refine(({ index, count }) => index <= count)
          .describe('index/count, from 1/3 to 3/3'),
        'only one of several shards, such as 1/3: pare merge puts them together',
        { argument: 'index/count', read: shardOf, hint: 'run each of 1/3, 2/3 and 3/3, then pare merge' },
      ),
    },
  },
  bench: {
    arguments: '<reference> [pruned]',
    help: 'Time two models that take the same inputs, in turn, and say how much faster and smaller the second is; or a model beside itself in fewer bits.',
    examples: [
      'pare bench model.onnx --baselines int8,int4',
      'pare bench model.onnx pare-out/model/model.onnx',
      'pare bench a.onnx b.onnx --threads 1 --batch 1 --dims sequence=128',
    ],
    own: {
      threads: own(
        z.array(count).describe('whole numbers from 1 on, or all, such as 1,all'),
        'numbers of threads to try',
        {
          argument: 'counts',
          read: (text) => parts(text).map((part) => (part === 'all' ? availableParallelism() : numberOf(part))),
        },
        '1,all',
      ),
      batch: own(
        z.array(count).describe('whole numbers from 1 on, such as 1,8'),
        'batches to try',
        { argument: 'counts', read: (text) => parts(text).map(numberOf) },
        '1,8, or what the model has for good',
      ),
      dims: own(
        axisSizes,
        'sizes of other open axes: sequence=32,width=64',
        { argument: 'sizes', read: sizesOf, repeatable: true, hint: 'write --dims sequence=32, or --dims height=32,width=32' },
        '16; images 224',
      ),
      // With fewer runs nothing can be said with 95 % confidence.
      runs: own(z.number().int().min(6).describe('a whole number from 6 on, such as 50'), 'runs of each model in each case', {
        argument: 'count',
      }),
      seconds: own(positive, 'time for each case, without --runs', { argument: 'time' }, '2'),
      sparse: own(
        z.boolean(),
        'do not try the pruned model on kernels for sparse weights, of the CPU or with --provider webgpu of the GPU',
        { negative: true },
      ),
      baselines: own(
        z
          .array(z.enum(QUANTISERS))
          .min(1)
          .describe(`one or more of ${listed(QUANTISERS)}, with commas between`),
        'time the first model in fewer bits, too, as users would take it instead of pruning',
        { argument: 'how', read: parts, hint: 'for example: --baselines int8,int4' },
      ),
    },
  },
  sensitivity: {
    arguments: '<model>',
    help: 'Measure what pruning costs by weight: loss against sparsity, each weight (or group of units) pruned alone.',
    examples: [
      'pare sensitivity model.onnx --data val.npz --out curves.html',
      'pare sensitivity model.onnx --data val.npz --structure channel --ratios 0.25,0.5 --metric accuracy',
    ],
    own: {
      metric: own(
        path,
        'accuracy, perplexity, …: what a point loses of it',
        { argument: 'name' },
        'KL divergence from the whole model, which needs no labels',
      ),
      sparsities: own(amounts(), 'for structures that mask', { argument: 'list', read: amountsOf }, '0.3,0.5,0.7,0.9'),
      ratios: own(amounts(), 'for structures that cut', { argument: 'list', read: amountsOf }, '0.3,0.5,0.7,0.9'),
      samples: own(count, 'only the first so many samples: each point costs a pass over them', { argument: 'count' }, '128'),
      out: own(path, 'write the curves as a page: curves.html', { argument: 'file', short: 'o' }),
    },
    places: { metric: 'evaluate.metric' },
  },
  ...RUN_COMMANDS,
  recipe: {
    arguments: '[name]',
    help: 'List what to take for a kind of model, with what it costs and what it made of test models; or print one as a config.',
    examples: ['pare recipe', 'pare recipe server-encoder > pare.config.yaml', 'pare recipe small-llm --format json'],
    own: {
      format: own(oneOf(['yaml', 'json']), 'how the config is written', { argument: 'format' }, 'yaml'),
    },
  },
  report: {
    arguments: '<results>',
    help: 'Show the results of a run again, and write its report anew.',
    examples: ['pare report pare-out/results.json', 'pare report results.json --out report'],
    own: {
      out: own(
        path,
        'write report.html and summary.md into this folder',
        { argument: 'folder', short: 'o' },
        'nothing is written',
      ),
    },
  },
  inspect: {
    arguments: '<model>',
    help: 'Show layers, parameters and sparsity, what can be pruned, and what cannot and why.',
    examples: ['pare inspect model.onnx', 'pare inspect model.onnx --structure channel --all', 'pare inspect model.onnx --json'],
    own: {
      structure: own(path, 'what one structure finds, also one from a package', { argument: 'name' }, 'all that come with pare'),
      all: own(z.boolean(), 'list everything, also what is alike', {}),
    },
  },
  vocabulary: {
    arguments: '<model>',
    help: 'Remove the tokens that texts never use from a language model and its tokenizer. The texts become the same tokens, and the model gives the same numbers for them: that is proved before anything is written.',
    examples: [
      'pare vocabulary ./my-model --text corpus.txt',
      'pare vocabulary ./my-model --text train.jsonl --text test.jsonl --field question --out smaller',
      'pare vocabulary ./my-model --text corpus.txt --keep languages.txt',
    ],
    own: {
      out: folder('./pare-out/<model name>'),
      text: own(
        z.array(path).describe('a file of text'),
        'what the model must read as before: a text, a table or JSONL with texts, or a folder of these',
        { argument: 'file', repeatable: true, required: ['vocabulary'] },
      ),
      keep: own(
        z.array(path).describe('a file of text'),
        'what stays besides, one entry a line: a token, id:42, language:de or script:Cyrl',
        { argument: 'file', repeatable: true },
        'only what the texts use',
      ),
      tokenizer: own(path, 'tokenizer.json', { argument: 'file' }, 'the one beside the model'),
      field: own(path, 'field, or column, that holds the text', { argument: 'name' }, "'text', or what the data make likely"),
      windows: own(count, 'windows of text that both models are run on, for the proof', { argument: 'count' }, '32'),
    },
  },
  plugin: {
    arguments: '<check> [folder]',
    help: 'pare plugin check looks at the folder of a plugin, or here: its name, package.json, types, README and licence, and whether it keeps the laws of its kind. It runs the code of the plugin.',
    examples: ['pare plugin check', 'pare plugin check ../pare-criterion-distance --options to=1'],
    own: { options: pluginOptions() },
  },
  devices: {
    arguments: '',
    help: 'List what can compute here: GPUs that WebGPU finds, and what ONNX Runtime runs models on.',
    examples: ['pare devices', 'pare devices --json'],
    own: {},
  },
  explain: {
    arguments: '[words...]',
    help: 'Say what an exit code, a word, an option or a command means, and what to do. Without a word: what can be asked for.',
    examples: ['pare explain 3', 'pare explain sparsity', 'pare explain max-drop'],
    own: {},
  },
  completion: {
    arguments: '<shell>',
    help: 'Print a script that completes commands, options and their values in bash, zsh or fish.',
    examples: [
      'pare completion bash > ~/.local/share/bash-completion/completions/pare',
      'pare completion zsh > ~/.zfunc/_pare',
      'pare completion fish > ~/.config/fish/completions/pare.fish',
    ],
    own: {},
  },
  init: {
    arguments: '',
    help: 'Look at the models and data here, and write a config and a workflow for them.',
    examples: ['pare init', 'pare init --yes', 'pare init --format json'],
    own: {
      format: own(
        oneOf(CONFIG_FORMATS),
        'how it is written',
        { argument: 'format', hint: 'try: pare init --format yaml' },
        'ts in a project with TypeScript, else yaml',
      ),
      yes: own(z.boolean(), 'ask nothing, and take what is likeliest', { short: 'y' }, 'asks on a terminal'),
    },
  },
} satisfies Readonly<Record<string, Command>>

export type CommandName = keyof typeof COMMANDS

/** What a command's own options say; those that were not given are absent. */
export type Own<Name extends CommandName> = {
  readonly [Key in keyof (typeof COMMANDS)[Name]['own']]?: (typeof COMMANDS)[Name]['own'][Key] extends Field<infer Schema>
    ? z.infer<Schema>
    : never
}
