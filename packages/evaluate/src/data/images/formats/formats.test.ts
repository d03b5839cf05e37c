import { describe, expect, it } from 'vitest'
import { input, put, temporaryFolder } from '../../../fixture.test.files.js'
import { openData } from '../../data.js'
import { decodeImage } from '../decode.js'
import { readImageHeader } from '../header.js'
import { decodeMask } from '../masks.js'
import { FILES, fileBytes } from './files.test.support.js'
import { unpackLzw } from './lzw.js'

const [WIDTH, HEIGHT] = [24, 18]
const COLOURS = Array.from({ length: WIDTH * HEIGHT * 3 }, (_, i) => {
  const [pixel, c] = [Math.floor(i / 3), i % 3]
  const [x, y] = [pixel % WIDTH, Math.floor(pixel / WIDTH)]
  return (37 * x + 101 * y + 59 * c + 7 * x * y) % 256
})
const CLASSES = Array.from({ length: WIDTH * HEIGHT }, (_, i) => Math.floor((i % WIDTH) / 8) + 3 * Math.floor(i / WIDTH / 9))
const rgbOf = (data: Uint8Array | Uint8ClampedArray) => Array.from(data).filter((_, i) => i % 4 < 3)
const named = (begin: string) => Object.keys(FILES).filter((name) => name.startsWith(begin))
const where = 'x'

describe('what other programs wrote', () => {
  it.each(named('colours').filter((name) => !name.includes('pages')))('%s', async (name) => {
    const { width, height, data } = await decodeImage(fileBytes(name), { where })
    expect([width, height]).toEqual([WIDTH, HEIGHT])
    expect(rgbOf(data)).toEqual(COLOURS)
  })

  it.each(named('mask'))('%s', async (name) => {
    const { width, height, data } = await decodeMask(fileBytes(name), where)
    expect([width, height]).toEqual([WIDTH, HEIGHT])
    expect(Array.from(data)).toEqual(CLASSES)
  })

  it('JPEG in a TIFF is of the colours that it is said to be of', async () => {
    const [red, green, blue] = (await decodeImage(fileBytes('red, JPEG in tiles'), { where })).data
    // As YCbCr 254, 0, 0 would be a green.
    expect([red! > 250, green! < 4, blue! < 4]).toEqual([true, true, true])
    await expect(decodeMask(fileBytes('red, JPEG in tiles'), where)).rejects.toThrow('a mask that is packed with JPEG')
  })

  it('says that there are further pages or frames', () => {
    const hasMore = (name: string) => readImageHeader(fileBytes(name))!.hasMore
    expect([hasMore('colours, two pages'), hasMore('colours, PackBits')]).toEqual([true, false])
    expect([hasMore('mask GIF transparent, then another frame'), hasMore('mask GIF palette')]).toEqual([true, false])
    expect(readImageHeader(fileBytes('16 bits'))!.bits).toBe(16)
  })
})

it('a folder of such files is a data set, and notes say what of them is not read', async () => {
  const folder = temporaryFolder()
  const names = { 'a.gif': 'mask GIF transparent, then another frame', 'b.tiff': 'colours, PackBits', 'c.BMP': 'colours, BMP' }
  for (const [file, name] of Object.entries(names)) put(folder, file, fileBytes(name))
  const options = { inputs: [input('x', 'uint8', ['N', 3, HEIGHT, WIDTH])], trusted: false }
  const data = await openData(folder, options)
  expect(data.notes.join()).toContain('images have several frames, such as')
  for await (const { inputs, size } of data.batches(9)) {
    expect(size).toBe(3)
    const last = Array.from(inputs.x!.data.slice(-WIDTH * HEIGHT), Number)
    expect(last).toEqual(COLOURS.filter((_, i) => i % 3 === 2))
  }
  const deep = temporaryFolder()
  put(deep, 'a.tif', fileBytes(named('colours of 16')[0]!))
  expect((await openData(deep, options)).notes.join()).toMatch(/images have 16 bits for each colour, such as .*a.tif: the high 8/)
})

describe('what is refused says what it is, and what to do', () => {
  it.each([
    ['floats', 'x: a TIFF with floats of 32 bits, which is not read.'],
    ['BigTIFF', 'x: a BigTIFF'],
    ['Zstandard', 'x: a TIFF packed with Zstandard, which is not read.'],
    ['print', 'x: a TIFF with colours of print (CMYK), which is not read.'],
  ])('%s', async (name, message) => {
    const refusal = decodeImage(fileBytes(name), { where })
    await expect(refusal).rejects.toThrow(message)
    await expect(refusal).rejects.toHaveProperty('hint', expect.stringMatching(/write/))
  })

  it.each([
    ['white', 'a mask whose greys count from white'],
    ['16 bits', 'a mask of 16 bits for each pixel'],
    ['colours, PackBits', 'a mask in colours, such as 0, 59, 118'],
    ['colours, BMP', 'a mask in colours, such as 0, 59, 118'],
  ])('%s as a mask', async (name, message) => {
    await expect(decodeMask(fileBytes(name), where)).rejects.toThrow(message)
  })

  it('an image whose header asks for more than there is room for', async () => {
    const bmp = fileBytes('colours, BMP')
    bmp.writeInt32LE(60_000, 18)
    bmp.writeInt32LE(60_000, 22)
    await expect(decodeImage(bmp, { where })).rejects.toThrow('x: 60000 × 60000 pixels, more than the 67108864 allowed.')
    bmp.writeInt32LE(-20, 18)
    await expect(decodeImage(bmp, { where })).rejects.toThrow('x: -20 × 60000 pixels.')
    const gif = fileBytes('mask GIF palette')
    gif.writeUInt16LE(60_000, 6)
    gif.writeUInt16LE(60_000, 8)
    await expect(decodeMask(gif, where)).rejects.toThrow('more than the 67108864 allowed')
  })

  it.each(Object.keys(FILES))('every beginning of %s', async (name) => {
    const bytes = fileBytes(name)
    for (let length = 12; length < bytes.length - 1; length += Math.ceil(bytes.length / 60)) {
      const cut = bytes.subarray(0, length)
      for (const read of [() => decodeImage(cut, { where }), () => decodeMask(cut, where)]) {
        const outcome = await read().catch((error: Error) => error)
        if (outcome instanceof Error) expect(`${outcome.name}: ${outcome.message}`).toMatch(/^PareError: x: /)
      }
    }
  })
})

describe('LZW', () => {
  it('is what the specification works out', () => {
    // TIFF 6.0, section 13: 7 7 7 8 8 7 7 6 6 is the codes 256 7 258 8 8 258 6 6 257, of 9 bits.
    const codes = [256, 7, 258, 8, 8, 258, 6, 6, 257]
    const bits = codes.map((code) => code.toString(2).padStart(9, '0')).join('')
    const bytes = Uint8Array.from(bits.padEnd(88, '0').match(/.{8}/g)!, (byte) => Number.parseInt(byte, 2))
    expect(Array.from(unpackLzw(bytes, 9)!)).toEqual([7, 7, 7, 8, 8, 7, 7, 6, 6])
    expect(Array.from(unpackLzw(bytes, 4)!)).toEqual([7, 7, 7, 8])
    expect(unpackLzw(bytes, 10)).toBeUndefined()
    expect(unpackLzw(bytes.subarray(0, 5), 9)).toBeUndefined()
  })
})
