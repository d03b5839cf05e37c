import { describe } from 'vitest'
import { type Draw, type GradientCase, pick, testGradients } from '../property.test.support.js'

const coordinates = ['half_pixel', 'pytorch_half_pixel', 'align_corners', 'asymmetric', 'half_pixel_symmetric']

function resize(mode: string): (draw: Draw) => GradientCase {
  return (draw) => {
    const how = `mode = "${mode}", coordinate_transformation_mode = "${pick(draw, ...coordinates)}", nearest_mode = "${pick(draw, 'floor', 'ceil', 'round_prefer_floor', 'round_prefer_ceil')}"`
    const [constants, operands] = pick(
      draw,
      ['float[4] to = {1, 1, 2, 2}', ', , to'],
      ['float[4] to = {1, 1, 1.5, 2.5}', ', , to'],
      ['float[4] to = {1, 1, 0.7, 1}', ', , to'],
      ['int64[4] to = {2, 2, 5, 6}', ', , , to'],
    ) as [string, string]
    return { nodes: `y = Resize<${how}>(x${operands})`, inputs: { x: [2, 2, 4, 3] }, constants, opset: 19 }
  }
}

describe('resized images', () => {
  testGradients({ 'Resize nearest': resize('nearest'), 'Resize linear': resize('linear') }, { runs: 12 })
  testGradients({
    'Resize nearest of a dynamic batch': (draw) => ({
      nodes: `y = Resize<mode = "nearest", ${pick(draw, 'coordinate_transformation_mode = "asymmetric", nearest_mode = "floor"', 'coordinate_transformation_mode = "half_pixel"')}>(x, , scales)`,
      inputs: { x: ['N', 2, 'H', 3] },
      constants: 'float[4] scales = {1, 1, 2, 3}',
    }),
    'Resize linear of a dynamic batch and height': () => ({
      nodes: 'y = Resize<mode = "linear">(x, , scales)',
      inputs: { x: ['N', 2, 'H', 3] },
      constants: 'float[4] scales = {1, 1, 1.7, 2}',
    }),
    'Resize to the size of another': () => ({
      nodes: 's = Shape(like) y = Resize<mode = "linear">(x, , , s)',
      inputs: { x: ['N', 2, 3, 3], like: ['N', 2, 'H', 5] },
    }),
    'Resize of some axes': (draw) => ({
      nodes: `y = Resize<mode = "${pick(draw, 'nearest', 'linear')}", axes = [2, 3]>(x, , scales)`,
      inputs: { x: ['N', 2, 2, 3] },
      constants: 'float[2] scales = {2, 1.5}',
    }),
    'Resize that crops': (draw) => ({
      nodes: `y = Resize<mode = "${pick(draw, 'nearest', 'linear')}", coordinate_transformation_mode = "tf_crop_and_resize", extrapolation_value = 2.0>(x, roi, , sizes)`,
      inputs: { x: [1, 1, 4, 4] },
      constants: 'float[8] roi = {0, 0, 0.1, -0.2, 1, 1, 0.8, 1.3}, int64[4] sizes = {1, 1, 3, 5}',
    }),
    'Resize of one axis': (draw) => ({
      nodes: `y = Resize<mode = "${pick(draw, 'nearest', 'linear')}">(x, , scales)`,
      inputs: { x: [2, 3] },
      constants: 'float[2] scales = {1, 2}',
    }),
    'Resize of version 10': (draw) => ({
      nodes: `y = Resize<mode = "${pick(draw, 'nearest', 'linear')}">(x, scales)`,
      inputs: { x: [2, 1, 3, 3] },
      constants: 'float[4] scales = {1, 1, 2, 1.5}',
      opset: 10,
    }),
    'Upsample of version 9': (draw) => ({
      nodes: `y = Upsample<mode = "${pick(draw, 'nearest', 'linear')}">(x, scales)`,
      inputs: { x: [2, 1, 3, 3] },
      constants: 'float[4] scales = {1, 1, 2, 3}',
      opset: 9,
    }),
  })
})
