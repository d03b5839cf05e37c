import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encode } from '@cwasm/lodepng'
import { missingPython, python } from '@pare/testing'
import { describe, expect, test } from 'vitest'
import { array, input, put, temporaryFolder } from '../../fixture.test.files.js'
import { type DataOptions, openData, UntrustedError } from '../data.js'
import { decodeWav } from '../sounds/wav.js'
import { decodeImage } from './decode.js'
import { resize } from './resize.js'
import { resizedSize, stepsOf } from './steps.js'

const folder = temporaryFolder()
const bytes = input('image', 'uint8', ['n', 3, 2, 2])
const png = (...colours: [number, number, number][]) => {
  const side = Math.sqrt(colours.length)
  const data = new Uint8ClampedArray(colours.flatMap((colour) => [...colour, 255]))
  return encode({ width: side, height: side, data } as never)
}
const [RED, GREEN, BLUE, WHITE] = [
  [255, 0, 0],
  [0, 255, 0],
  [0, 0, 255],
  [255, 255, 255],
] as [number, number, number][]
const square = png(RED!, GREEN!, BLUE!, WHITE!)
const CHANNELS = [255, 0, 0, 255, 0, 255, 0, 255, 0, 0, 255, 255]
const tree = (name: string, files: Readonly<Record<string, Uint8Array | string>>) => {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(folder, name, path, '..'), { recursive: true })
    writeFileSync(join(folder, name, path), content)
  }
  return join(folder, name)
}
const read = async (path: string, options: Partial<DataOptions> = {}) => {
  const data = await openData(path, { inputs: [bytes], trusted: true, ...options })
  for await (const batch of data.batches(10)) return { ...batch, notes: data.notes, columnNames: data.columnNames }
  throw new Error('no batch')
}

describe('a folder', () => {
  const animals = tree('animals', { 'dog/b.png': square, 'cat/a.png': square, 'cat/deep/c.PNG': square, '.git/x.png': square })

  test('of class folders: classes in the order of their names, said in a note, and files by their paths', async () => {
    const { inputs, label, columns, notes, columnNames } = await read(animals)
    expect(inputs.image).toEqual(array('uint8', [3, 3, 2, 2], [...CHANNELS, ...CHANNELS, ...CHANNELS]))
    expect(Array.from(label!.data, Number)).toEqual([0, 0, 1])
    expect(columns!.path).toEqual(['cat/a.png', 'cat/deep/c.PNG', 'dog/b.png'])
    expect(columnNames.id).toBe('path')
    expect(notes).toEqual(['folders of animals are classes in the order of their names: 0 cat, 1 dog'])
  })

  test('of class folders: the classes that are said have their numbers', async () => {
    expect(Array.from((await read(animals, { classes: ['dog', 'cat'] })).label!.data, Number)).toEqual([1, 1, 0])
    await expect(read(animals, { classes: ['dog', 'cow'] })).rejects.toThrow(
      'animals: the folder cat: not among the classes dog, cow',
    )
  })

  test('with a list of files', async () => {
    const listed = tree('listed', {
      'a.png': square,
      'b.png': square,
      'metadata.csv': 'file_name,label,camera\nb.png,1,x\na.png,0,y\n',
    })
    const { label, columns } = await read(listed, { slices: ['camera'] })
    expect(Array.from(label!.data, Number)).toEqual([1, 0])
    expect(columns).toEqual({ file_name: ['b.png', 'a.png'], camera: ['x', 'y'] })
  })

  test('that holds no data, or parts of a data set, is refused with what it holds', async () => {
    await expect(read(tree('empty', { 'readme.txt': 'x' }))).rejects.toThrow(
      /empty: no data in the folder; it holds readme\.txt\./,
    )
    await expect(read(tree('parts', { 'train/a.png': square, 'val/a.png': square }))).rejects.toThrow(
      'parts of a data set, and no classes: train, val',
    )
    const other = read(tree('other', { 'cat/a.HEIC': 'x', 'dog/b.avif': 'x' }))
    await expect(other).rejects.toThrow(/other: 2 files in formats that are not read: \.avif, \.heic\.$/)
    await expect(other).rejects.toHaveProperty('hint', expect.stringContaining('mogrify -format png'))
    const masks = read(tree('masks', { 'images/a.png': square, 'masks/a.png': square, 'labels/a.png': square }))
    await expect(masks).rejects.toThrow('belong together file by file, and are no classes: images, labels, masks')
    const some = await read(tree('some', { 'cat/a.png': square, 'dog/b.png': square, 'dog/c.avif': 'x' }))
    expect(some.notes.at(-1)).toBe('1 of the files in some are not read: .avif')
    await expect(read(tree('mixed', { 'a.png': square, 'cat/a.png': square }))).rejects.toThrow(
      'mixed: 1 files beside folders of classes, a.png',
    )
  })
})

test('images that are damaged, of another kind, pointers or huge are refused by name', async () => {
  const cases: [string, Uint8Array | string, RegExp][] = [
    ['cut', square.subarray(0, 12), /cat\/x\.png: the image is cut short: 12 bytes/],
    ['damaged', square.subarray(0, 50), /cat\/x\.png: the PNG cannot be decoded/],
    ['text', 'hello, this is no image', /cat\/x\.png: not an image that is read; it begins with "hello, t"/],
    ['pointer', 'version https://git-lfs.github.com/spec/v1\noid sha256:abc\n', /Git LFS pointer/],
  ]
  for (const [name, content, message] of cases) await expect(read(tree(name, { 'cat/x.png': content }))).rejects.toThrow(message)
  const huge = Buffer.from(square)
  huge.writeUInt32BE(100_000, 16)
  huge.writeUInt32BE(100_000, 20)
  await expect(read(tree('huge', { 'cat/x.png': huge }))).rejects.toThrow(
    '100000 × 100000 pixels, more than the 67108864 allowed',
  )
})

test('a table that is not trusted names no file outside, by path or by link', async () => {
  put(folder, 'secret.png', square)
  const inside = tree('inside', {
    'd.csv': 'file,label\n../secret.png,0\n',
    'link.csv': 'file,label\nlink.png,0\n',
    'git.csv': 'file,label\n.git/x.png,0\n',
    '.git/x.png': square,
  })
  symlinkSync(join(folder, 'secret.png'), join(inside, 'link.png'))
  for (const name of ['d.csv', 'link.csv', 'git.csv']) {
    await expect(read(join(inside, name), { trusted: false })).rejects.toBeInstanceOf(UntrustedError)
    expect((await read(join(inside, name))).size).toBe(1)
  }
  expect((await read(join(inside, 'd.csv'), { trusted: false, workspace: folder })).size).toBe(1)
  const address = put(inside, 'web.csv', 'file,label\nhttps://example.com/a.png,0\n')
  await expect(read(address)).rejects.toThrow('an address, and nothing is fetched')
  await expect(read(put(inside, 'gone.csv', 'file,label\ngone.png,0\n'))).rejects.toThrow('gone.csv:2: gone.png: no such file.')
})

test('images in a table, as datasets of Hugging Face stores them', async () => {
  const { parquetWriteBuffer } = await import('hyparquet-writer')
  const columnData = [
    { name: 'image', data: [square], type: 'BYTE_ARRAY' as const },
    { name: 'label', data: [1], type: 'INT32' as const },
  ]
  const path = put(folder, 'images.parquet', new Uint8Array(parquetWriteBuffer({ columnData })))
  expect((await read(path)).inputs.image).toEqual(array('uint8', [1, 3, 2, 2], CHANNELS))
})

describe('preprocessing', () => {
  const floats = input('pixel_values', 'float32', ['n', 3, 'h', 'w'])

  test('of floats is refused where nothing says how', async () => {
    const path = tree('floats', { 'cat/a.png': square })
    await expect(read(path, { inputs: [floats] })).rejects.toThrow('how pixels become its numbers is not known')
    const { inputs } = await read(path, { inputs: [floats], image: {} })
    expect(Array.from(inputs.pixel_values!.data as Float32Array)).toEqual(CHANNELS.map((byte) => byte / 255))
  })

  test('is what preprocessor_config.json says: (byte ÷ 255 − mean) ÷ std', async () => {
    const config = {
      do_resize: false,
      do_normalize: true,
      image_mean: [0.5, 0.5, 0.5],
      image_std: [0.5, 0.25, 0.5],
      do_rescale: true,
    }
    const path = tree('configured', { 'cat/a.png': square, 'preprocessor_config.json': JSON.stringify(config) })
    const { inputs } = await read(path, { inputs: [input('pixel_values', 'float32', ['n', 'h', 'w', 3])] })
    expect(Array.from((inputs.pixel_values!.data as Float32Array).slice(0, 3))).toEqual([1, -2, -1])
  })

  test('is what a config.json of timm says, with its names of classes', async () => {
    const timm = {
      architecture: 'resnet10t',
      label_names: ['dog', 'cat'],
      pretrained_cfg: { input_size: [3, 2, 2], crop_pct: 1, mean: [0.5, 0.5, 0.5], std: [0.5, 0.25, 0.5] },
    }
    const path = tree('timm', { 'cat/a.png': square, 'config.json': JSON.stringify(timm) })
    const { inputs, label } = await read(path, { inputs: [floats] })
    // (255 ÷ 255 − 0.5) ÷ 0.5 of red, (0 − 0.5) ÷ 0.25 of green.
    expect([0, 4].map((at) => inputs.pixel_values!.data[at])).toEqual([1, -2])
    expect(label).toEqual(array('int64', [1], [1]))
  })

  test('another size than the model takes is refused with both', async () => {
    const inputs = [input('image', 'uint8', ['n', 3, 4, 4])]
    await expect(read(tree('small', { 'cat/a.png': square }), { inputs })).rejects.toThrow('comes out as 2 × 2 pixels')
    expect((await read(join(folder, 'small'), { inputs, image: { size: [4, 4] } })).inputs.image!.shape).toEqual([1, 3, 4, 4])
  })

  test('the shorter side is resized, the other after it, and crop_pct enlarges first', () => {
    expect(resizedSize({ height: 300, width: 400 }, { shortest: 256 })).toEqual({ height: 256, width: 341 })
    const steps = stepsOf(undefined, { path: 'p', content: { size: { shortest_edge: 224 }, crop_pct: 0.875 } })
    expect(steps).toMatchObject({ resize: { shortest: 256 }, crop: { height: 224, width: 224 } })
  })

  test('detectors: a longest side, filled up to the right and below behind mean and deviation, with a mask', async () => {
    const stated = (content: object) => stepsOf(undefined, { path: 'p', content: content as never })
    const edges = { shortest_edge: 800, longest_edge: 1333 }
    expect(stated({ size: edges, do_pad: true })).toMatchObject({ resize: { shortest: 800, longest: 1333 }, pad: 'model' })
    expect(stated({ size: 800, max_size: 1333 })).toMatchObject({ resize: { shortest: 800, longest: 1333 }, pad: 'model' })
    expect(stated({ size: { longest_edge: 1024 }, do_pad: true, pad_size: { height: 1024, width: 1024 } })).toMatchObject({
      ...{ resize: { longest: 1024 }, pad: { height: 1024, width: 1024 } },
    })
    expect(stated({ size: { max_height: 800, max_width: 1333 }, do_pad: false })).not.toHaveProperty('pad')
    expect(() => stated({ size: edges, size_divisor: 32 })).toThrow('p: size_divisor is 32, which is not read.')
    const config = {
      ...{ size: { shortest_edge: 2, longest_edge: 4 }, do_pad: true, pad_size: { height: 3, width: 4 } },
      ...{ do_rescale: true, image_mean: [1, 1, 1], image_std: [1, 1, 1] },
    }
    const path = tree('filled', { 'cat/a.png': square, 'preprocessor_config.json': JSON.stringify(config) })
    const inputs = [input('pixel_values', 'float32', ['n', 3, 'h', 'w']), input('pixel_mask', 'int64', ['n', 'h', 'w'])]
    const read4 = await read(path, { inputs })
    expect(read4.inputs.pixel_values!.shape).toEqual([1, 3, 3, 4])
    // Red is (255, 0, 0): 1 − 1 and 0 − 1; what is filled up is 0, not −1.
    expect(Array.from(read4.inputs.pixel_values!.data as Float32Array).slice(12, 24)).toEqual([
      -1, 0, 0, 0, -1, 0, 0, 0, 0, 0, 0, 0,
    ])
    expect(read4.inputs.pixel_mask).toEqual(array('int64', [1, 3, 4], [1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0]))
    const own = await read(path, { inputs, image: { size: [3, 3], pad: [3, 4] } })
    expect(own.inputs.pixel_values!.shape).toEqual([1, 3, 3, 4])
    await expect(read(path, { inputs, image: { size: [5, 5] } })).rejects.toThrow(
      'comes out as 5 × 5 pixels, and is to be filled up to 4 × 3',
    )
    // Filled up to what the model takes.
    const fixed = [input('pixel_values', 'float32', ['n', 3, 5, 6])]
    const open = tree('open', { 'cat/a.png': square, 'preprocessor_config.json': JSON.stringify({ ...config, pad_size: null }) })
    expect((await read(open, { inputs: fixed })).inputs.pixel_values!.shape).toEqual([1, 3, 5, 6])
  })

  test.skipIf(missingPython() !== undefined)('sizes are those of the processors in transformers', () => {
    const sizes = Array.from({ length: 400 }, (_, i) => [1 + ((i * 7919) % 3001), 1 + ((i * 104729) % 2003)] as const)
    const found = python(
      `def detr(height, width, size, most):
    raw = None
    if max(height, width) / min(height, width) * size > most:
        raw = most * float(min(height, width)) / float(max(height, width))
        size = int(round(raw))
    if (height <= width and height == size) or (width <= height and width == size): return [height, width]
    if width < height: return [int((size if raw is None else raw) * height / width), size]
    return [size, int((size if raw is None else raw) * width / height)]
def sam(height, width, longest):
    scale = longest * 1.0 / max(height, width)
    return [int(height * scale + 0.5), int(width * scale + 0.5)]
def within(height, width, high, wide):
    scale = min(high / height, wide / width)
    return [int(height * scale), int(width * scale)]
result = [[detr(h, w, 800, 1333), sam(h, w, 1024), within(h, w, 800, 1333)] for h, w in given['sizes']]`,
      { sizes },
    ) as number[][][]
    for (const [i, [height, width]] of sizes.entries()) {
      const own = [{ shortest: 800, longest: 1333 }, { longest: 1024 }, { within: { height: 800, width: 1333 } }].map((how) =>
        resizedSize({ height, width }, how),
      )
      expect(own.map((size) => [size.height, size.width])).toEqual(found[i])
    }
  })

  test('shrinking is as in Pillow: the kernel grows, and weights sum to 1', () => {
    // Weights 3/7, 3/7, 1/7 of 0, 0, 255 are 36.4; mirrored 218.6. Bytes are rounded.
    const row = { width: 4, height: 1, channels: 1, data: Uint8Array.of(0, 0, 255, 255) }
    expect([...resize(row, { width: 2, height: 1 }, 'bilinear').data]).toEqual([36, 219])
    expect([...resize(row, { width: 2, height: 1 }, 'box').data]).toEqual([0, 255])
    expect([...resize({ ...row, width: 1, height: 4 }, { width: 1, height: 2 }, 'bilinear').data]).toEqual([36, 219])
  })
})

test('JPEG and WebP are decoded', async () => {
  const jpeg = Buffer.from(
    '/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgICAgMCAgIDAwMDBAYEBAQEBAgGBgUGCQgKCgkICQkKDA8MCgsOCwkJDRENDg8QEBEQCgwSExIQEw8QEBD/wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAACf/EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AVN//2Q==',
    'base64',
  )
  const webp = Buffer.from('UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA', 'base64')
  for (const image of [jpeg, webp]) expect(await decodeImage(image, { where: 'x' })).toMatchObject({ width: 1, height: 1 })
  await expect(decodeImage(jpeg.subarray(0, 100), { where: 'x' })).rejects.toThrow('x: ')
})

describe('WAV', () => {
  const wav = (rate: number, channels: number, samples: Int16Array) => {
    const header = Buffer.alloc(44)
    header.write('RIFF', 0)
    header.writeUInt32LE(36 + samples.byteLength, 4)
    header.write('WAVEfmt ', 8)
    header.writeUInt32LE(16, 16)
    header.writeUInt16LE(1, 20)
    header.writeUInt16LE(channels, 22)
    header.writeUInt32LE(rate, 24)
    header.writeUInt16LE(16, 34)
    header.write('data', 36)
    header.writeUInt32LE(samples.byteLength, 40)
    return Buffer.concat([header, Buffer.from(samples.buffer)])
  }
  const wave = input('input_values', 'float32', ['n', 't'])

  test('channels are averaged, and 16 bits lie between −1 and 1', () => {
    expect(decodeWav(wav(16000, 2, Int16Array.of(16384, 0, -32768, -32768)), 'x')).toEqual({
      ...{ rate: 16000, channels: 2 },
      data: Float32Array.of(0.25, -1),
    })
    expect(() => decodeWav(wav(16000, 1, Int16Array.of(1, 2)).subarray(0, 46), 'x')).toThrow(
      'x: the WAV file is cut short: 2 of 4 bytes of sound.',
    )
    expect(() => decodeWav(Buffer.from('hello'), 'x')).toThrow('x: not a WAV file')
  })

  test('that sounds have several channels is said before anything runs', async () => {
    const config = { 'preprocessor_config.json': '{"sampling_rate": 16000}' }
    const stereo = await read(tree('stereo', { ...config, 'yes/a.wav': wav(16000, 2, Int16Array.of(16384, 0)) }), {
      inputs: [wave],
    })
    expect(stereo.notes).toContain('sounds have 2 channels, such as stereo/yes/a.wav: the model is given their mean')
    expect([...(stereo.inputs.input_values!.data as Float32Array)]).toEqual([0.25])
    const mono = await read(tree('mono', { ...config, 'yes/a.wav': wav(16000, 1, Int16Array.of(16384, 0)) }), { inputs: [wave] })
    expect(mono.notes.join()).not.toContain('channels')
  })

  test('another rate than the model takes is refused, and so is one that is not known', async () => {
    const sound = wav(8000, 1, Int16Array.of(1, 2))
    await expect(read(tree('unknown', { 'yes/a.wav': sound }), { inputs: [wave] })).rejects.toThrow(
      'the rate that the model takes is not known',
    )
    const said = tree('rate', { 'yes/a.wav': sound, 'preprocessor_config.json': '{"sampling_rate": 16000}' })
    // Resampled: as many seconds.
    expect((await read(said, { inputs: [wave] })).inputs.input_values!.shape).toEqual([1, 4])
    const same = tree('same', { 'yes/a.wav': sound, 'preprocessor_config.json': '{"sampling_rate": 8000}' })
    expect((await read(same, { inputs: [wave] })).inputs.input_values!.shape).toEqual([1, 2])
  })
})

test('a JPEG in the colours of print is refused as one, and not as damaged', async () => {
  // SOI, then a frame of 8 bits, 2 × 2 pixels and four colours.
  const frame = [0xff, 0xc0, 0, 20, 8, 0, 2, 0, 2, 4, ...Array.from({ length: 12 }, () => 0)]
  const refused = decodeImage(Uint8Array.of(0xff, 0xd8, ...frame), { where: 'a.jpg' })
  await expect(refused).rejects.toThrow('a.jpg: a JPEG in the colours of print (CMYK)')
  await expect(refused).rejects.toHaveProperty('hint', expect.stringContaining("convert('RGB')"))
})
