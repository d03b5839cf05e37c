import { encode } from '@cwasm/lodepng'
import { input } from '../../fixture.test.files.js'
import { type DataOptions, openData } from '../data.js'

/** An image of one grey, as PNG. */
export const png = (width: number, height: number): Uint8Array =>
  encode({ width, height, data: new Uint8ClampedArray(width * height * 4).fill(200) } as never)

/** What a detector of small images takes. */
export const imageInput = input('image', 'float32', ['n', 3, 20, 20])

/** The expected boxes of a data set where images are resized to 20 × 20, all samples' in one list, to a millionth of a pixel. */
export async function readBoxes(path: string, options: Partial<DataOptions> = {}) {
  const data = await openData(path, {
    ...{ inputs: [imageInput], trusted: true, boxLabels: true, image: { size: [20, 20] as [number, number] } },
    ...options,
  })
  for await (const { label } of data.batches(10)) {
    const [samples, boxes, width] = label!.shape as [number, number, number]
    const rows = Array.from({ length: samples * boxes }, (_, i) =>
      Array.from(label!.data.slice(i * width, (i + 1) * width), Number).map((each) => Math.round(each * 1e6) / 1e6),
    )
    return { rows: rows.filter((row) => row[4]! >= 0), notes: data.notes, samples: data.samples }
  }
  throw new Error('no batch')
}

/** The classes of these boxes. */
export async function classesOf(...args: Parameters<typeof readBoxes>): Promise<readonly (number | undefined)[]> {
  return (await readBoxes(...args)).rows.map((row) => row[4])
}
