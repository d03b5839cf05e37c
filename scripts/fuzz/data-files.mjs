// Small files of data to begin with.
import { tableFromArrays, tableToIPC } from '@uwdata/flechette'
import { zipSync } from 'fflate'
import { parquetWriteBuffer } from 'hyparquet-writer'

export function npy(type, shape, content) {
  const header = `{'descr': '${type}', 'fortran_order': False, 'shape': (${shape.join(', ')}${shape.length === 1 ? ',' : ''}), }`
  const padded = `${header.padEnd(Math.ceil((header.length + 11) / 64) * 64 - 11)}\n`
  const head = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, padded.length & 255, padded.length >> 8])
  return Buffer.concat([head, Buffer.from(padded), Buffer.from(content)])
}

export const floats = Buffer.from(Float32Array.of(1, 2, 3, 4, 5, 6).buffer)
export const npz = (options) =>
  Buffer.from(zipSync({ 'x.npy': npy('<f4', [3, 2], floats), 'label.npy': npy('|u1', [3], [0, 1, 1]) }, options))

export function safetensors(header, bytes) {
  const text = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  return Buffer.concat([length, text, Buffer.alloc(bytes, 1)])
}

const columns = { a: [1, 2, 3, 4], b: [0.5, 1.5, 2.5, 3.5], label: [0, 1, 0, 1], name: ['p', 'q', 'r', 's'] }

/** Of each codec. */
export const parquets = () =>
  ['SNAPPY', 'UNCOMPRESSED'].map((codec) =>
    Buffer.from(
      parquetWriteBuffer({
        codec,
        columnData: Object.entries(columns).map(([name, values]) => ({
          name,
          data: values,
          type: typeof values[0] === 'string' ? 'STRING' : 'DOUBLE',
        })),
      }),
    ),
  )

/** As a file and as a stream. */
export const arrows = () => ['file', 'stream'].map((format) => Buffer.from(tableToIPC(tableFromArrays(columns), { format })))

export function wav() {
  const buffer = Buffer.alloc(60)
  buffer.write('RIFF', 0)
  buffer.writeUInt32LE(52, 4)
  buffer.write('WAVEfmt ', 8)
  buffer.writeUInt32LE(16, 16)
  buffer.writeUInt16LE(1, 20)
  buffer.writeUInt16LE(1, 22)
  buffer.writeUInt32LE(8000, 24)
  buffer.writeUInt32LE(16000, 28)
  buffer.writeUInt16LE(2, 32)
  buffer.writeUInt16LE(16, 34)
  buffer.write('data', 36)
  buffer.writeUInt32LE(16, 40)
  return buffer
}

export const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAFklEQVR4nGP8z8DAwMDAxMDAwMDAAAANHQEDasKb6QAAAABJRU5ErkJggg==',
  'base64',
)
export const JPEG = Buffer.from(
  '/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAP//////////////////////////////////////////////////////////////////////////////////////wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAACf/EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AVN//2Q==',
  'base64',
)

/** Annotations of two images, with a box on one of them. */
export const COCO = JSON.stringify({
  images: [
    { id: 7, file_name: '7.png', width: 2, height: 2 },
    { id: 8, file_name: '8.png', width: 2, height: 2 },
  ],
  annotations: [{ id: 1, image_id: 7, category_id: 3, bbox: [0, 0, 1, 1], area: 1, iscrowd: 0 }],
  categories: [
    { id: 1, name: 'cat' },
    { id: 3, name: 'dog' },
  ],
})

/** A table in one frame of Zstandard, in a block as it is. */
export const ZSTD = (() => {
  const text = Buffer.from('x[0],x[1],label\n1,2,0\n3,4,1\n')
  const block = (text.length << 3) | 1
  return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x20, text.length, block & 255, block >> 8, 0]), text])
})()

/** An annotation of Pascal VOC, of two objects. */
export const VOC =
  '<?xml version="1.0" encoding="UTF-8"?><annotation><source><database>The VOC2007 Database</database></source><size><width>2</width><height>2</height></size><object><name>cat</name><difficult>0</difficult><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></object><object><name><![CDATA[dog]]></name><!-- far --><bndbox><xmin>1.5</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></object></annotation>'
