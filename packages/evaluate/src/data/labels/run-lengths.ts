import { PareError } from '@pare/onnx'

/** Pixels that lie one below the other, column by column: from the first to before the last. */
export type PixelRun = readonly [from: number, to: number]

/**
 * The pixels of a mask in runs, as COCO has them: how many are none of it, how many are, and so on, down the columns. `counts` is a list, or what pycocotools packs it into: numbers of 5 bits a
 * character, the lowest first, from the third on the difference to the last but one. Throws PareError where they are not as many as the image has pixels. `where` is for messages.
 */
export function runsOf(counts: string | readonly unknown[], pixels: number, where: string): readonly PixelRun[] {
  const lengths = typeof counts === 'string' ? unpackedCounts(counts) : counts
  const runs: PixelRun[] = []
  let at = 0
  for (const [i, length] of lengths.entries()) {
    if (!Number.isInteger(length) || (length as number) < 0 || at + (length as number) > pixels) {
      throw new PareError(
        `${where}: run ${i + 1} of the mask is ${JSON.stringify(length) ?? length}, and ${pixels - at} of its ${pixels} pixels are left.`,
        {
          hint: 'correct the annotation: counts are numbers of pixels down the columns, and all together those of size.',
        },
      )
    }
    if (i % 2 === 1 && (length as number) > 0) runs.push([at, at + (length as number)])
    at += length as number
  }
  if (at !== pixels) {
    throw new PareError(`${where}: the runs of the mask are ${at} pixels, and its size is ${pixels}.`, {
      hint: 'correct the annotation: counts are numbers of pixels down the columns, and all together those of size.',
    })
  }
  return runs
}

/** NaN where a character is none of these. */
function unpackedCounts(text: string): readonly number[] {
  const counts: number[] = []
  for (let at = 0; at < text.length; ) {
    let value = 0
    for (let shift = 1, isMore = true; isMore; shift *= 32, at++) {
      // What ends in the middle of a number, and what is larger than any image, is NaN.
      const bits = text.charCodeAt(at) - 48
      if (!(bits >= 0 && bits < 64) || shift > 2 ** 40) return [...counts, Number.NaN]
      value += (bits & 31) * shift
      isMore = (bits & 32) !== 0
      if (!isMore && (bits & 16) !== 0) value -= 32 * shift
    }
    counts.push(counts.length > 2 ? value + counts.at(-2)! : value)
  }
  return counts
}
