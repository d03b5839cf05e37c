import { Command } from 'commander'
import { addDevice } from '../engine/device.js'
import type { Context } from '../terminal/context.js'
import { type Io, wantsColor } from '../terminal/io.js'
import { packageVersion } from '../terminal/version.js'
import * as benchOption from './bench-options.js'
import * as option from './options.js'

/** Makes the context of the command that runs. */
export type Start = () => Promise<Context>

/** Keeps the exit code of the command that ran. */
export type Finish = (exitCode: number) => void

/** The command line as commander sees it. Each command's module is loaded only when it runs. */
export function makeProgram(io: Io, start: Start, finish: Finish): Command {
  const program = new Command('pare')
    .description('Prunes ONNX models, measures what it cost, and fails when it cost too much.')
    .version(packageVersion(), '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .exitOverride()
    .configureOutput(outputs(io))
    .configureHelp({ showGlobalOptions: true, styleTitle: (title) => `\u001b[1m${title}\u001b[22m` })
    .option('--json', 'print exactly one JSON document on stdout')
    .option('-q, --quiet', 'no progress and no tables, only errors')
    .option('--verbose', 'print stack traces of errors')
    .addHelpText('after', INTRODUCTION)
  addPruning(program, runs)
  addMeasuring(program, runs)
  addLooking(program, runs)
  return program

  function runs<Args extends unknown[]>(load: () => Promise<(context: Context, ...args: Args) => Promise<number>>) {
    // Commander hands over the arguments, then the options, then the command.
    return async (...given: [...Args, Command]) => {
      const context = await start()
      const execute = await load()
      finish(await execute(context, ...(given.slice(0, -1) as Args)))
    }
  }
}

type Runs = <Args extends unknown[]>(
  load: () => Promise<(context: Context, ...args: Args) => Promise<number>>,
) => (...given: [...Args, Command]) => Promise<void>

function addPruning(program: Command, runs: Runs): void {
  const prune = program
    .command('prune <model>')
    .description('Prune one model by its weights, and write it to another folder.')
    .action(runs(async () => (await import('./prune.js')).prune))
  addOut(
    addDevice(addProve(addRunning(option.addRecover(option.addCalibration(option.addStepOptions(prune)))))),
    './pare-out/<model name>',
  )
  prune.addHelpText(
    'after',
    examples(
      'pare prune model.onnx',
      'pare prune model.onnx --sparsity 0.8 --scope tensor --exclude "/lm_head/*"',
      'pare prune model.onnx --criterion wanda --calibrate calibrate.npz --samples 256',
      'pare prune model.onnx --sparsity 0.9 --recover retrain --train train.npz --schedule cubic:5',
      'pare prune model.onnx --criterion magnitude:p=2 --out out --json',
    ),
  )

  const plan = program
    .command('plan <model>')
    .description('Make the same decisions as prune and write them down as a plan; nothing is applied.')
    .action(runs(async () => (await import('./plan.js')).plan))
  addOut(addDevice(addRunning(option.addRecover(option.addCalibration(option.addStepOptions(plan))))), './pare-out/<model name>')
  plan.addHelpText(
    'after',
    examples('pare plan model.onnx --sparsity 0.8', 'pare replay pare-out/model/model.plan.json model.onnx'),
  )

  const replay = program
    .command('replay <plan> <model>')
    .description('Apply a plan that was written before: the same bytes on every machine.')
    .action(runs(async () => (await import('./replay.js')).replay))
  addOut(addProve(option.addProvider(replay)), './pare-out/<model name>')
  replay.addHelpText('after', examples('pare replay pare-out/model/model.plan.json model.onnx'))
}

function addMeasuring(program: Command, runs: Runs): void {
  const evaluate = program
    .command('evaluate <model>')
    .description('Measure one model over a data set.')
    .requiredOption('--data <file>', 'what to measure with: .npz, .npy, .jsonl, .csv, .txt or a module')
    .action(runs(async () => (await import('./evaluate.js')).evaluate))
  addJudged(addData(evaluate)).option('--reference <model>', 'the model that agreement and kl compare with')
  evaluate.addHelpText(
    'after',
    examples(
      'pare evaluate model.onnx --data val.npz --metric accuracy',
      'pare evaluate lm.onnx --data test.txt --tokenizer tokenizer.json --metric perplexity',
    ),
  )

  addCalibrating(program, runs)
  addBench(program, runs)
  addSensitivity(program, runs)

  const run = program
    .command('run [models...]')
    .description('Prune, measure and gate all models of the config. This is what the GitHub Action runs.')
    .option('-c, --config <file>', 'the config (default: the nearest pare.config.* upwards)')
    .option('--data <file>', 'evaluation data for all models')
    .action(runs(async () => (await import('./run.js')).run))
  addOut(
    addGate(addDevice(addProve(option.addRecover(option.addCalibration(option.addStepOptions(addJudged(addData(run)))))))),
    './pare-out',
  )
  run.addHelpText(
    'after',
    `${examples('pare run', 'pare run model.onnx --data val.npz --metric accuracy --max-drop 0.01', 'pare run --device gpu')}\n${EXIT_CODES}`,
  )
}

function addCalibrating(program: Command, runs: Runs): void {
  const calibrate = program
    .command('calibrate <model>')
    .description(
      'Measure what criteria need of calibration data, for all weights, and write it to a file that prune, plan and run take.',
    )
    .requiredOption('--data <file>', 'inputs like those the model will meet: .npz, .npy, .jsonl, .csv, .txt or a module')
    .requiredOption('-o, --out <file>', 'the file of statistics, such as stats.pare')
    .option('--criterion <name>', 'measure what this one needs (repeatable; default: wanda)', option.repeatable)
    .option('--shard <index/count>', 'only one of several shards, such as 1/3: pare merge puts them together', option.shard)
    .option(
      '--samples <count>',
      'only the first so many samples, of all shards together (default: all)',
      option.number('--samples', option.count),
    )
    .action(runs(async () => (await import('./calibrate.js')).calibrate))
  addRunning(calibrate).addHelpText(
    'after',
    examples(
      'pare calibrate model.onnx --data calibrate.npz --criterion wanda --out stats.pare',
      'pare prune model.onnx --criterion wanda --calibrate stats.pare',
    ),
  )

  const merge = program
    .command('merge <files...>')
    .description('Put the statistics of shards together: the same bytes as of one run on the same machine.')
    .requiredOption('-o, --out <file>', 'the file of statistics, such as stats.pare')
    .action(runs(async () => (await import('./merge.js')).merge))
  merge.addHelpText('after', examples('pare merge stats-1.pare stats-2.pare stats-3.pare --out stats.pare'))
}

function addBench(program: Command, runs: Runs): void {
  const bench = program
    .command('bench <reference> <pruned>')
    .description('Time two models that take the same inputs, in turn, and say how much faster and smaller the second is.')
    .option('--threads <counts>', 'numbers of threads to try (default: 1,all)', benchOption.threads)
    .option('--batch <counts>', 'batches to try (default: 1,8, or what the model has for good)', benchOption.batches)
    .option('--dims <sizes>', 'sizes of other open axes: sequence=32,width=64 (default: 16; images 224)', benchOption.dims)
    .option('--runs <count>', 'runs of each model in each case', option.number('--runs', benchOption.runs))
    .option('--seconds <time>', 'time for each case, without --runs (default: 2)', option.number('--seconds', option.positive))
    .option('--seed <number>', 'of the order of runs (default: 1)', option.number('--seed', option.seed))
    .option('--no-sparse', 'do not try sparse weights on sparse kernels')
    .action(runs(async () => (await import('./bench.js')).bench))
  option
    .addProvider(bench)
    .addHelpText(
      'after',
      examples(
        'pare bench model.onnx pare-out/model/model.onnx',
        'pare bench a.onnx b.onnx --threads 1 --batch 1 --dims sequence=128',
      ),
    )
}

function addSensitivity(program: Command, runs: Runs): void {
  const list = option.numbers
  const sensitivity = program
    .command('sensitivity <model>')
    .description('Measure what pruning costs by weight: loss against sparsity, each weight (or group of units) pruned alone.')
    .requiredOption('--data <file>', 'what to measure with: .npz, .npy, .jsonl, .csv, .txt or a module')
    .option('--metric <name>', 'accuracy, perplexity, … (default: KL divergence from the whole model, which needs no labels)')
    .option('--criterion <name>', "how important an element is (default: 'magnitude')")
    .option('--structure <name>', "what may go (default: 'element')")
    .option('--scope <scope>', 'what is ranked together within one weight', option.scope)
    .option('--sparsities <list>', 'for structures that mask (default: 0.3,0.5,0.7,0.9)', list('--sparsities', option.between))
    .option('--ratios <list>', 'for structures that cut (default: 0.3,0.5,0.7,0.9)', list('--ratios', option.between))
    .option('--samples <count>', 'only the first so many samples (default: 128)', option.number('--samples', option.count))
    .option('--include <glob>', 'only nodes or tensors with such a name (repeatable)', option.repeatable)
    .option('--exclude <glob>', 'not nodes or tensors with such a name (repeatable)', option.repeatable)
    .option('--seed <number>', 'of everything random (default: 1)', option.number('--seed', option.seed))
    .option('-o, --out <file>', 'write the curves as a page: curves.html')
    .action(runs(async () => (await import('./sensitivity.js')).sensitivity))
  addJudged(addRunning(sensitivity))
  sensitivity.addHelpText(
    'after',
    examples(
      'pare sensitivity model.onnx --data val.npz --out curves.html',
      'pare sensitivity model.onnx --data val.npz --structure channel --ratios 0.25,0.5 --metric accuracy',
    ),
  )
}

function addLooking(program: Command, runs: Runs): void {
  const inspect = program
    .command('inspect <model>')
    .description('Show layers, parameters and sparsity, what can be pruned, and what cannot and why.')
    .option('--structure <name>', 'what one structure finds, also one from a package (default: all that come with pare)')
    .option('--all', 'list everything, also what is alike')
    .action(runs(async () => (await import('./inspect.js')).inspect))
  inspect.addHelpText(
    'after',
    examples('pare inspect model.onnx', 'pare inspect model.onnx --structure channel --all', 'pare inspect model.onnx --json'),
  )

  const devices = program
    .command('devices')
    .description('List what can compute here: GPUs that WebGPU finds, and what ONNX Runtime runs models on.')
    .action(runs(async () => (await import('./devices.js')).devices))
  devices.addHelpText('after', examples('pare devices', 'pare devices --json'))

  const init = program
    .command('init')
    .description('Write a config to start from, and show the workflow to add.')
    .option('--format <format>', 'ts, json or yaml (default: ts in a project with TypeScript, else yaml)')
    .action(runs(async () => (await import('./init.js')).init))
  init.addHelpText('after', examples('pare init', 'pare init --format json'))
}

function addProve(command: Command): Command {
  return command.option(
    '--no-prove',
    'write what was cut or permuted without proving it, for models that ONNX Runtime cannot run',
  )
}

function addOut(command: Command, shown: string): Command {
  return command.option('-o, --out <folder>', `where the results go (default: ${shown})`)
}

function addData(command: Command): Command {
  return addRunning(
    command.option(
      '--metric <name>',
      'accuracy, top-5, f1, perplexity, cross-entropy, mse, mae, agreement, kl (repeatable)',
      option.repeatable,
    ),
  )
}

/** What is compared with what. */
function addJudged(command: Command): Command {
  return command
    .option('--label <name>', "the array with the labels (default: the first of 'label', 'labels', 'y', 'target')")
    .option('--output <name>', "the output that is measured (default: 'logits', else the first)")
}

/** How data are run through a model. */
function addRunning(command: Command): Command {
  return option
    .addProvider(command)
    .option('--batch <count>', 'samples run together', option.number('--batch', option.count))
    .option('--tokenizer <file>', 'tokenizer.json, for text')
    .option('--length <count>', 'tokens in a window of text', option.number('--length', option.count))
    .option('--stride <count>', 'tokens from one window of text to the next', option.number('--stride', option.count))
}

function addGate(command: Command): Command {
  return command
    .option('--max-drop <drop>', 'largest drop allowed: 0.01, or relative=0.01', option.maxDrop)
    .option('--min <value>', 'smallest value allowed of the metric', option.number('--min', option.finite))
    .option('--max <value>', 'largest value allowed of the metric', option.number('--max', option.finite))
    .option(
      '--certainty <level>',
      'be so sure that the drop is small enough, e.g. 0.95',
      option.number('--certainty', option.certainty),
    )
    .option('--allow-worthless-reference', 'pass also where the reference is no better than an answer that ignores the input')
    .option('--no-allow-worthless-reference', 'not so, also where the config allows it')
}

function outputs(io: Io) {
  return {
    writeOut: (text: string) => void io.stdout.write(text),
    writeErr: (text: string) => void io.stderr.write(text),
    // Errors are told in one place, as JSON where that was asked for.
    outputError: () => {},
    getOutHelpWidth: () => io.stdout.columns ?? 100,
    getErrHelpWidth: () => io.stderr.columns ?? 100,
    getOutHasColors: () => wantsColor(io.stdout, io.env),
    getErrHasColors: () => wantsColor(io.stderr, io.env),
  }
}

function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`
}

const INTRODUCTION = `
Start here:
  $ pare inspect model.onnx                 what is in the model, and what can be pruned
  $ pare prune model.onnx --sparsity 0.5    writes pare-out/model/model.onnx
  $ pare init                               writes a config for pare run and the GitHub Action

Help on a command: pare <command> --help`

const EXIT_CODES = `
Exit codes: 0 all models pass, 1 a gate failed, 2 wrong options or config, 3 incomplete (something could not
be measured), 4 untrusted input refused, 130 interrupted.`
