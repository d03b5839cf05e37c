// Images, masks and what says what is on them.
import { decodeImage } from '../../packages/evaluate/dist/data/images/decode.js'
import { decodeMask } from '../../packages/evaluate/dist/data/images/masks.js'
import { parseAnnotation } from '../../packages/evaluate/dist/data/tables/voc.js'
import { parseLabels } from '../../packages/evaluate/dist/data/tables/yolo.js'
import { utf8 } from '../../packages/evaluate/dist/data/utf8.js'
import { JPEG, PNG, VOC } from './data-files.mjs'

export const IMAGE_TARGETS = {
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
    run: async (bytes) => `${(await parseAnnotation(utf8(bytes, 'a.xml'), 'a.xml')).length > 0}`,
  },
  image: {
    begin: () => [PNG, JPEG],
    words: ['IHDR', 'IDAT', 'IEND', 'PLTE', 'tRNS', '\xff\xd8\xff\xe1', 'RIFF', 'WEBPVP8 ', 'WEBPVP8L', 'WEBPVP8X', 'Exif\0\0II'],
    run: async (bytes) => `${(await decodeImage(bytes, { where: 'x' })).width > 0}`,
  },
}
