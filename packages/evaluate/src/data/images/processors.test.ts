import { missingPython, python } from '@pare/testing'
import { expect, test } from 'vitest'
import { filledAround, mirrored, shrunk, turnedFor } from './frame.js'
import type { Raster } from './resize.js'
import { resizedSize, stepsOf } from './steps.js'
import { timmConfig } from './timm.js'

const stated = (content: object) => stepsOf(undefined, { path: 'p', content: content as never })
const MEAN = [0.485, 0.456, 0.406]
const STD = [0.229, 0.224, 0.225]

test("EfficientNet's divides twice by the deviation, and may put bytes between −1 and 1 first", () => {
  const base = { size: { height: 224, width: 224 }, do_normalize: true, image_mean: [0.5], image_std: [0.25] }
  expect(stated({ ...base, include_top: true })).toMatchObject({ mean: [0.5], std: [0.0625] })
  // (byte ÷ 127.5 − 1 − 0.5) ÷ 0.25 = (byte ÷ 127.5 − 1.5) ÷ 0.25
  expect(stated({ ...base, rescale_factor: 1 / 127.5, rescale_offset: true })).toMatchObject({
    rescale: 1 / 127.5,
    mean: [1.5],
    std: [0.25],
  })
  expect(stated({ ...base, do_normalize: false, rescale_factor: 1 / 127.5, rescale_offset: true })).toMatchObject({ mean: [1] })
  expect(() => stated({ ...base, rescale_offset: true })).toThrow('rescale_offset goes with a rescale_factor of 0.00784')
})

test("LeViT's shorter side is 8 ÷ 7 of what is cut, PoolFormer's is cut to what it says", () => {
  const levit = {
    image_processor_type: 'LevitImageProcessor',
    size: { shortest_edge: 224 },
    do_center_crop: true,
    crop_size: { height: 224, width: 224 },
  }
  expect(stated(levit)).toMatchObject({ resize: { shortest: 256 }, crop: { height: 224, width: 224 } })
  // 224 ÷ 0.9 = 248.9
  const pool = { feature_extractor_type: 'PoolFormerFeatureExtractor', size: { shortest_edge: 224 }, crop_pct: 0.9 }
  expect(stated({ ...pool, do_center_crop: true, crop_size: 200 })).toMatchObject({
    resize: { shortest: 248 },
    crop: { height: 200, width: 200 },
  })
})

test('processors whose fields mean something else are refused by name', () => {
  expect(() => stated({ image_processor_type: 'PerceiverImageProcessor', size: 224, crop_size: 256 })).toThrow(
    'p: images are prepared by PerceiverImageProcessor, whose steps are not read.',
  )
})

test("GLPN's sides are cut down to a multiple, DPT's lie near a size", () => {
  const glpn = stated({ image_processor_type: 'GLPNImageProcessor', size_divisor: 32 })!.resize!
  expect(resizedSize({ height: 100, width: 64 }, glpn)).toEqual({ height: 96, width: 64 })
  const dpt = (more: object) => stated({ size: { height: 384, width: 384 }, ...more })!.resize!
  // 384 ÷ 300 = 1.28 is nearer to 1 than 384 ÷ 640 = 0.6: both by 1.28. 640 · 1.28 = 819.2 is nearest to 26 · 32 = 832.
  expect(resizedSize({ height: 300, width: 640 }, dpt({ keep_aspect_ratio: true, ensure_multiple_of: 32 }))).toEqual({
    height: 384,
    width: 832,
  })
  expect(resizedSize({ height: 300, width: 640 }, dpt({ ensure_multiple_of: 14 }))).toEqual({ height: 378, width: 378 })
})

test('timm: to size ÷ crop_pct, and the middle of that as torchvision cuts it', () => {
  const own = { input_size: [3, 224, 224], interpolation: 'bicubic', crop_pct: 0.9, mean: MEAN, std: STD }
  expect(timmConfig({ architecture: 'resnet18', pretrained_cfg: own })).toBe(own)
  expect(timmConfig({ model_type: 'vit' })).toBeUndefined()
  // 224 ÷ 0.9 = 248.9
  expect(stated(own)).toMatchObject({
    resize: { shortest: 248 },
    crop: { height: 224, width: 224 },
    resample: 'bicubic',
    mean: MEAN,
    std: STD,
    roundsCrop: true,
  })
  expect(stated({ ...own, crop_mode: 'squash', crop_pct: 1 })).toMatchObject({ resize: { height: 224, width: 224 } })
  expect(stated({ input_size: [3, 8, 8] })).toMatchObject({ resize: { shortest: 9 }, resample: 'bicubic', mean: MEAN })
  expect(() => stated({ ...own, crop_mode: 'border' })).toThrow('crop_mode of pretrained_cfg is "border"')
  expect(() => stated({ ...own, interpolation: 'random' })).toThrow('interpolation of pretrained_cfg is "random"')
})

/** Bytes that all differ, as far as bytes can. */
const raster = (height: number, width: number): Raster => ({
  ...{ height, width, channels: 1 },
  data: Uint8ClampedArray.from({ length: height * width }, (_, i) => (i * 37 + 11) % 256),
})
const rows = ({ data, width, height }: Raster) =>
  Array.from({ length: height }, (_, y) => [...data.subarray(y * width, (y + 1) * width)])

test("Donut's: turned as the frame stands, shrunk into it, filled up around", () => {
  expect(rows(turnedFor({ ...raster(2, 3), data: Uint8ClampedArray.of(1, 2, 3, 4, 5, 6) }, { height: 4, width: 2 }))).toEqual([
    [4, 1],
    [5, 2],
    [6, 3],
  ])
  expect(turnedFor(raster(2, 3), { height: 2, width: 2 })).toEqual(raster(2, 3))
  const filled = filledAround({ ...raster(1, 2), data: Uint8ClampedArray.of(7, 8) }, { height: 2, width: 5 })
  // Of one line and three columns too many none and one stand before it.
  expect(rows(filled)).toEqual([
    [0, 7, 8, 0, 0],
    [0, 0, 0, 0, 0],
  ])
  const { thumbnail, resize } = stated({
    size: [60, 80],
    do_thumbnail: true,
    do_align_long_axis: true,
    do_pad: true,
    image_mean: [0.5],
    image_std: [0.5],
  })!
  expect({ thumbnail, resize }).toEqual({
    thumbnail: { within: { height: 80, width: 60 }, turns: true, shrinks: true, fills: true },
    resize: { shortest: 60 },
  })
  // 160 · 60 ÷ 90 = 106.7 rows would be more than 80 hold: by rows, 90 · 80 ÷ 160 = 45.
  expect(shrunk(raster(160, 90), { height: 80, width: 60 }, 'bilinear')).toMatchObject({ height: 80, width: 45 })
})

test("Swin2SR's is mirrored to the next larger multiple", () => {
  const image = { ...raster(1, 3), data: Uint8ClampedArray.of(1, 2, 3) }
  expect(rows(mirrored(image, 4))).toEqual(Array.from({ length: 4 }, () => [1, 2, 3, 3]))
  expect(rows(mirrored({ ...raster(2, 2), data: Uint8ClampedArray.of(1, 2, 3, 4) }, 2))[3]).toEqual([1, 2, 2, 1])
  expect(stated({ image_processor_type: 'Swin2SRImageProcessor', do_pad: true, pad_size: 8 })).toMatchObject({ mirror: 8 })
})

test.skipIf(missingPython() !== undefined)('turning, filling and mirroring are those of numpy, multiples those of Python', () => {
  const sizes = Array.from({ length: 60 }, (_, i) => [1 + ((i * 7919) % 97), 1 + ((i * 104729) % 83)] as const)
  const found = python(
    `import numpy as np, math
def image(h, w): return ((np.arange(h * w) * 37 + 11) % 256).reshape(h, w)
def swin(a, m):
    h, w = a.shape
    return np.pad(a, ((0, (h // m + 1) * m - h), (0, (w // m + 1) * m - w)), mode='symmetric')
def dpt(h, w):
    sh, sw = 384 / h, 384 / w
    if abs(1 - sw) < abs(1 - sh): sh = sw
    else: sw = sh
    return [max(1, round(sh * h / 32)) * 32, max(1, round(sw * w / 32)) * 32]
def around(a, H, W):
    h, w = a.shape
    return np.pad(a, (((H - h) // 2, H - h - (H - h) // 2), ((W - w) // 2, W - w - (W - w) // 2)))
result = [[swin(image(h, w), 8).tolist(), dpt(h, w), np.rot90(image(h, w), 3).tolist(), around(image(h, w), 100, 90).tolist()] for h, w in given['sizes']]`,
    { sizes },
  ) as [number[][], number[], number[][], number[][]][]
  for (const [i, [height, width]] of sizes.entries()) {
    const [mirror, near, turned, around] = found[i]!
    const image = raster(height, width)
    expect(rows(mirrored(image, 8))).toEqual(mirror)
    const size = resizedSize({ height, width }, { near: { height: 384, width: 384 }, multiple: 32, keepsRatio: true })
    expect([size.height, size.width]).toEqual(near)
    const frame = height < width ? { height: 2, width: 1 } : { height: 1, width: 2 }
    expect(rows(turnedFor(image, frame))).toEqual(height === width ? rows(image) : turned)
    expect(rows(filledAround(image, { height: 100, width: 90 }))).toEqual(around)
  }
})
