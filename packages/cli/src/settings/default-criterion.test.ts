import { cp, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { channel } from '@pare/structure-channel'
import { element } from '@pare/structure-element'
import { head } from '@pare/structure-head'
import { layer } from '@pare/structure-layer'
import { neuron } from '@pare/structure-neuron'
import { describe, expect, it } from 'vitest'
import { fixture, TEST_MODELS } from '../testing/folder.js'
import { pareInProcess as pare } from '../testing/terminal.js'
import { defaultCriterion } from './default-criterion.js'

describe('the criterion of a step that names none', () => {
  it.each([
    ['neurons', neuron(), 'osscar'],
    ['channels', channel(), 'osscar'],
    ['heads', head(), 'wanda'],
    ['layers', layer(), 'magnitude'],
    ['elements', element(), 'magnitude'],
    ['units of a structure of somebody else', { ...neuron(), name: 'neuron-of-mine' }, 'magnitude'],
  ])('of %s with calibration data', (_, structure, expected) => {
    expect(defaultCriterion({ structure, norm: undefined, isCalibrated: true })).toBe(expected)
  })

  it('without data, or with a norm for saliencies of elements, it is magnitude', () => {
    expect(defaultCriterion({ structure: neuron(), norm: undefined, isCalibrated: false })).toBe('magnitude')
    expect(defaultCriterion({ structure: neuron(), norm: 'l2', isCalibrated: true })).toBe('magnitude')
  })
})

describe('half of the neurons of a network', () => {
  const command = [
    'prune',
    'model.onnx',
    '--structure',
    'neuron',
    '--ratio',
    '0.5',
    '--calibrate',
    'calibrate.npz',
    '--samples',
    '128',
  ]

  it('are chosen by osscar where there are calibration data, which is said, and repaired the network is nearly what it was', async () => {
    await using folder = await fixture()
    const cwd = folder.path
    await cp(`${TEST_MODELS}data/digits-calibrate.npz`, join(cwd, 'calibrate.npz'))
    const { exitCode, stderr } = await pare([...command, '--recover', 'repair', '--out', 'out'], { cwd })
    expect(exitCode).toBe(0)
    expect(stderr).toContain('neuron: chosen by osscar, the default where there are calibration data')
    const plan = JSON.parse(await readFile(join(cwd, 'out/model.plan.json'), 'utf8'))
    expect(plan.steps[0]).toMatchObject({ criterion: 'osscar', scope: 'group', structure: 'neuron' })
    const measured = await pare(['evaluate', 'out/model.onnx', '--data', 'val.npz', '--metric', 'accuracy', '--json'], { cwd })
    // 0.9778 before.
    expect(JSON.parse(measured.stdout).metrics.accuracy).toBeGreaterThan(0.95)
  }, 300_000)
})
