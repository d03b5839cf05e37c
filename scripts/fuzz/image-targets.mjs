// Images, masks and what says what is on them.
import { parseJson } from '@pare/onnx'

import { decodeImage } from '../../packages/evaluate/dist/data/images/decode.js'
import { FILES, fileBytes } from '../../packages/evaluate/dist/data/images/formats/files.test.support.js'
import { decodeMask } from '../../packages/evaluate/dist/data/images/masks.js'
import { drawMask } from '../../packages/evaluate/dist/data/labels/drawn-mask.js'
import { parseAnnotation } from '../../packages/evaluate/dist/data/tables/voc.js'
import { parseLabels } from '../../packages/evaluate/dist/data/tables/yolo.js'
import { utf8 } from '../../packages/evaluate/dist/data/utf8.js'
import { JPEG, PNG, VOC } from './data-files.mjs'
import { changedJson, JSON_WORDS } from './structured.mjs'

/** Of a kind, among those that other programs wrote. */
const written = (pattern) => () =>
  Object.keys(FILES)
    .filter((name) => pattern.test(name))
    .map(fileBytes)

/** As an image, and as a mask. */
const pictured = async (bytes) => {
  const image = await decodeImage(bytes, { where: 'x' }).catch(refusal)
  const mask = await decodeMask(bytes, 'x').catch(refusal)
  return `${image.width > 0 || image} ${mask.width > 0 || mask}`
}

/** The message without what comes from the input: what is refused as a mask may be read as an image. */
function refusal(error) {
  if (error?.name !== 'PareError') throw error
  return error.message.replace(/\d+/g, '').slice(0, 100)
}

/** The value of a JSON text; what is none does not come so far. */
function jsonIn(bytes) {
  try {
    return [parseJson(bytes.toString('utf8'))]
  } catch {
    return ['no JSON']
  }
}

export const IMAGE_TARGETS = {
  tiff: {
    begin: written(/^(?!.*(BMP|GIF))/),
    words: [
      'II*\0',
      'MM\0*',
      '\x01\x01\x03\0',
      '\x03\x01\x03\0',
      '\x11\x01\x04\0',
      '\x16\x01\x04\0',
      '\x42\x01',
      '\xff\xff\xff\xff',
      '\0\0\x01\0',
      '\x80\x00',
    ],
    run: pictured,
  },
  bmp: {
    begin: written(/BMP/),
    words: ['BM', '\x28\0\0\0', '\x08\0\x01\0\0\0', '\x04\0\x02\0\0\0', '\x10\0\x03\0\0\0', '\xff\xff\xff\xff'],
    run: pictured,
  },
  gif: { begin: written(/GIF/), words: ['GIF89a', '\x21\xf9\x04', '\x2c', '\x3b', '\xff\xff', '\x00\x01'], run: pictured },
  mask: {
    begin: () => [PNG],
    words: ['IHDR', 'IDAT', 'IEND', 'PLTE', 'tRNS', '\x08\x03', '\x08\x00', '\x10\x00'],
    run: async (bytes) => `${(await decodeMask(bytes, 'x')).width > 0}`,
  },
  labels: {
    begin: () => [Buffer.from('0 0.35 0.35 0.5 0.5\n2 0.6 0 1 0 1 1 0.6 1\n'), Buffer.from('')],
    words: ['\n', '\r\n', ' ', '0', '1e9', '-', 'nan', '0.5 0.5 0.1 0.1', '\ufeff'],
    run: async (bytes) => `${parseLabels(utf8(bytes, 'a.txt'), 'a.txt').length > 0}`,
  },
  outlines: {
    change: changedJson,
    begin: () => [
      Buffer.from('[[0,0,4,0,4,3,0.5,3],[1,1,2,1,2.5,2]]'),
      Buffer.from('{"counts":[3,4,2,1,2],"size":[3,4]}'),
      Buffer.from('{"counts":"342M0","size":[3,4]}'),
    ],
    words: [...JSON_WORDS, '"counts"', '"size"', '"T3"', '1e9', '-1', '[3,4]'],
    run: async (bytes) => {
      const [segmentation] = jsonIn(bytes)
      return drawMask([{ segmentation, number: 1, where: 'x' }], { width: 4, height: 3 }, 0).data.join('')
    },
  },
  annotation: {
    begin: () => [Buffer.from(VOC)],
    words: [
      '<',
      '</',
      '/>',
      '<!DOCTYPE a [',
      '<!ENTITY a "b">',
      '<![CDATA[',
      ']]>',
      '<!--',
      '<?',
      '&a;',
      '&#0;',
      '&constructor;',
      '<object>',
      '<bndbox>',
      'xmin',
      '1e999',
    ],
    run: async (bytes) => `${(await parseAnnotation(utf8(bytes, 'a.xml'), 'a.xml')).objects.length > 0}`,
  },
  image: {
    begin: () => [PNG, JPEG],
    words: ['IHDR', 'IDAT', 'IEND', 'PLTE', 'tRNS', '\xff\xd8\xff\xe1', 'RIFF', 'WEBPVP8 ', 'WEBPVP8L', 'WEBPVP8X', 'Exif\0\0II'],
    run: async (bytes) => `${(await decodeImage(bytes, { where: 'x' })).width > 0}`,
  },
}
