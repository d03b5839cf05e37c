import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { fixture, TEST_MODELS } from '../testing/folder.js'
import { pareInProcess as pare } from '../testing/terminal.js'

// The model is none, and any work would fail on that first.
const BROKEN = { 'broken.onnx': 'not a model, but text that goes on for a while' }

async function folderWith(files: Readonly<Record<string, string>> = {}) {
  const folder = await fixture(undefined, { ...BROKEN, ...files })
  for (const name of ['calibrate', 'train'])
    await copyFile(join(TEST_MODELS, 'data/digits-calibrate.npz'), join(folder.path, `${name}.npz`))
  return folder
}

const RETRAIN = '--recover retrain --train train.npz'

const IMPOSSIBLE: readonly (readonly [options: string, message: string])[] = [
  // How long, by what, from whom it is retrained.
  [`${RETRAIN} --epochs 1 --steps 5`, 'steps (5) and epochs (1) both say how long'],
  [`${RETRAIN} --loss kl`, "the loss 'kl' needs a teacher, and there is none"],
  ['--recover retrain', 'recover: retrain needs training data, and there are none'],
  ['--recover repair', 'recover: repair needs calibration data, and there are none'],
  ['--distill', 'distill is how a model is retrained, and it is not'],
  ['--train train.npz --epochs 2', 'epochs is how a model is retrained, and it is not'],
  ['--recover none --train train.npz --learning-rate 0.1', 'learningRate is how a model is retrained, and it is not'],
  ['--loss mse', "loss: is 'mse', and there are no training data"],
  // What a criterion looks at.
  ['--criterion wanda', "criterion 'wanda' needs"],
  ['--criterion gradient', "criterion 'gradient' looks at gradients of the loss over training data, and there are none"],
  ['--criterion gradient --train train.npz --loss kl', "'kl' is a distance from a teacher, which it has none of"],
  ['--samples 8', '--samples 8 counts calibration data, and there are none'],
  ['--sequential', "criterion 'magnitude' looks at weights only, and sequential pruning changes nothing about it"],
  [
    '--sequential --criterion wanda --scope global --calibrate calibrate.npz',
    "sequential pruning decides weight by weight, and scope 'global' ranks all of them together",
  ],
  // Which criterion goes with which structure.
  ['--structure neuron --criterion sparsegpt --calibrate calibrate.npz', "criterion 'sparsegpt' changes single weights"],
  ['--criterion block-influence --calibrate calibrate.npz', "criterion 'block-influence' judges whole units"],
  [
    '--structure neuron --criterion sensitivity --norm l2 --calibrate calibrate.npz',
    'norm l2 puts saliencies of elements together',
  ],
  // How much.
  ['--sparsity 0.5 --ratio 0.5', '--sparsity 0.5 and --ratio 0.5 contradict each other'],
  ['--structure neuron --ratio 1', 'ratio is 1; a number from 0 to below 1 was expected'],
  ['--structure neuron --sparsity 0.5', "structure 'neuron' cuts units and takes no sparsity (0.5)"],
  ['--ratio 0.5', "structure 'element' masks elements and takes no ratio (0.5)"],
  ['--target latency=0.5', "structure 'element' masks elements and takes no target of latency (0.5)"],
  ['--structure nm --sparsity 0.7', "structure 'nm' always masks 0.5 of the elements, and takes no other target"],
  [
    '--criterion sparsegpt --threshold 0.1 --calibrate calibrate.npz',
    "solver 'sparsegpt' changes weights to a sparsity, and takes no threshold",
  ],
  // How it is spread, ranked and approached.
  ['--structure neuron --scope row', "scope 'row' ranks elements, and units are ranked by 'group' or 'global'"],
  ['--scope group', "scope 'group' ranks units, and structure 'element' masks elements"],
  ['--min-units 4', "minUnits 4: that is for structures that cut units, and 'element' masks elements"],
  ['--allocation erk --scope global', "scope 'global' ranks weights together, and allocation tells how much of each goes"],
  ['--allocation erk --structure neuron', "allocation spreads zeros over weights, and structure 'neuron' cuts units"],
  ['--allocation erk --structure nm', "allocation spreads zeros over weights, and structure 'nm' takes as many of each"],
  ['--allocation fisher', 'allocation fisher looks at gradients of the loss over training data, and there are none'],
  ['--allocation owl --criterion alps --calibrate calibrate.npz', "allocation owl looks at saliencies, and 'alps' is a solver"],
  ['--normalize lamp --allocation erk', 'normalize lamp decides how much of each weight goes, and so does allocation'],
  ['--normalize lamp --structure tile', "normalize lamp compares single elements, and structure 'tile' takes blocks"],
  ['--normalize lamp --scope row', "normalize lamp makes weights comparable, and scope 'row' does not compare them"],
  [
    '--normalize lamp --criterion sparsegpt --calibrate calibrate.npz',
    "normalize lamp needs a saliency, and 'sparsegpt' is a solver",
  ],
  // A mask decides what a criterion, a target and a pattern decide otherwise.
  ['--mask keep --criterion wanda', "mask keep says which elements go, and criterion 'wanda' judges them"],
  ['--mask keep --refit alps --calibrate calibrate.npz', 'mask keep keeps the zeros that the model has, and refit makes up'],
  ['--refit alps', "refit 'alps' needs gram of calibration data, and there are none"],
  ['--refit wanda --calibrate calibrate.npz', "refit 'wanda' does not take masks that are decided already"],
  ['--refit alps --criterion alps --calibrate calibrate.npz', "refit alps changes what stays, and so does solver 'alps'"],
  ['--mask keep --sparsity 0.5', 'mask keep says which elements go, and target ({"sparsity":0.5}) says it too'],
  ['--mask keep --scope row', 'mask keep says which elements go, and scope (row) says it too'],
  ['--mask keep --allocation erk', 'allocation (erk) says it too'],
  ['--mask keep --normalize lamp', 'normalize (lamp) says it too'],
  ['--mask keep --sequential', 'sequential (true) says it too'],
  ['--mask keep --structure nm', "structure 'nm' chooses them by a pattern of its own"],
  ['--mask keep --structure neuron', "mask keep: a mask is of single elements, and structure 'neuron' cuts units"],
  ['--mask keep --min-units 3', 'minUnits 3: that is for structures that cut units'],
  ['--mask keep --schedule cubic:3', 'mask keep says what goes at once, and cannot be approached in steps'],
  ['--mask none.npz', 'the mask none.npz cannot be read (ENOENT)'],
  ['--mask masks.pt', 'expected a .npz or .safetensors file, or keep'],
  ['--schedule cubic:3 --threshold 0.1', 'a threshold (0.1) cannot be approached in steps'],
  ['--schedule cubic:3 --structure nm', "structure 'nm' always masks 0.5 of the elements, and cannot be approached in steps"],
  ['--preset cnn --criterion random', "preset 'cnn' makes its own steps, and 'criterion' given from outside"],
]

describe.each(['prune', 'plan', 'run'])('pare %s', (command) => {
  it.each(IMPOSSIBLE)('refuses %s before the model is read, and writes nothing', async (options, message) => {
    await using folder = await folderWith()
    const before = await folder.files()
    const data = command === 'run' ? ['--data', 'val.npz'] : []
    const { exitCode, stderr } = await pare([command, 'broken.onnx', ...options.split(' '), ...data], { cwd: folder.path })
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringContaining(message) })
    expect(stderr).toContain('hint: ')
    expect(await folder.files()).toEqual(before)
  })
})

describe('a config', () => {
  it.each([
    ['steps beside epochs', { retrain: { steps: 5, epochs: 1 } }, 'steps (5) and epochs (1) both say how long'],
    [
      'blocks without what lies between them',
      { retrain: { distill: { blocks: true } } },
      'no hidden values say where blocks end',
    ],
    ['an optimizer that cannot work', { retrain: { optimizer: { name: 'sgd', momentum: 2 } } }, 'momentum is 2'],
  ])('with %s is refused before a model is read', async (_, recover, message) => {
    const config = { models: [{ path: 'broken.onnx' }], train: 'train.npz', evaluate: { data: 'val.npz' }, recover }
    await using folder = await folderWith({ 'pare.config.json': JSON.stringify(config) })
    const before = await folder.files()
    const { exitCode, stderr } = await pare(['run'], { cwd: folder.path })
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringContaining(message) })
    expect(await folder.files()).toEqual(before)
  })

  it('with a second step that is impossible is refused before the first', async () => {
    const prune = [{ target: { sparsity: 0.5 } }, { structure: 'tile', normalize: 'lamp' }]
    const config = { models: [{ path: 'broken.onnx', prune }], evaluate: { data: 'val.npz' } }
    await using folder = await folderWith({ 'pare.config.json': JSON.stringify(config) })
    const { exitCode, stderr } = await pare(['run'], { cwd: folder.path })
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringContaining('prune[1]: normalize lamp compares') })
  })
})

it.each([
  [
    'evaluate broken.onnx --data val.npz --metric agreement',
    "metric 'agreement' compares with a reference model, and none is named",
  ],
  ['sensitivity broken.onnx --data val.npz --ratios 0.5', "structure 'element' masks elements and takes sparsities, not ratios"],
  ['sensitivity broken.onnx --data val.npz --scope group', "scope 'group' ranks units"],
  ['sensitivity broken.onnx --data val.npz --criterion block-influence', "criterion 'block-influence' judges whole units"],
  ['calibrate broken.onnx --data calibrate.npz --criterion magnitude --out stats.pare', 'looks at weights only'],
])('pare %s is refused before the model is read', async (command, message) => {
  await using folder = await folderWith()
  const before = await folder.files()
  const { exitCode, stderr } = await pare(command.split(' '), { cwd: folder.path })
  expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringContaining(message) })
  expect(await folder.files()).toEqual(before)
})
