import { channel } from '@pare/structure-channel'
import { element } from '@pare/structure-element'
import { head } from '@pare/structure-head'
import { layer } from '@pare/structure-layer'
import { neuron } from '@pare/structure-neuron'
import { describe, expect, it } from 'vitest'
import { fixture, TEST_MODELS } from '../testing/folder.js'
import { pare } from '../testing/terminal.js'
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

describe('half of the neurons of a network, repaired', () => {
  const command = ['prune', 'model.onnx', '--structure', 'neuron', '--ratio', '0.5', '--json']
  const data = ['--calibrate', `${TEST_MODELS}data/digits-calibrate.npz`, '--samples', '256', '--recover', 'repair']

  it('are chosen by osscar where there are calibration data, which is said, and more is right than by magnitude', async () => {
    await using folder = await fixture()
    const accuracyOf = async (out: string, more: readonly string[]) => {
      const { exitCode, stdout, stderr } = await pare([...command, ...data, ...more, '--out', out], { cwd: folder.path })
      expect(exitCode).toBe(0)
      const measured = await pare(['evaluate', `${out}/model.onnx`, '--data', 'val.npz', '--metric', 'accuracy', '--json'], {
        cwd: folder.path,
      })
      return { step: JSON.parse(stdout).steps[0], stderr, ...JSON.parse(measured.stdout).metrics }
    }
    const joint = await accuracyOf('joint', [])
    expect(joint.step).toBe('osscar on neuron, group, ratio 0.5')
    expect(joint.stderr).toContain('neuron: chosen by osscar, the default where there are calibration data')
    const plain = await accuracyOf('plain', ['--criterion', 'magnitude'])
    expect(plain.step).toBe('magnitude on neuron, group, ratio 0.5')
    expect(plain.stderr).not.toContain('the default where')
    expect(joint.accuracy).toBeGreaterThan(plain.accuracy)
    expect(joint.accuracy).toBeGreaterThan(0.95)
  })
})
