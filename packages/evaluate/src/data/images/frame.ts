import type { Size } from './image-steps.js'
import { type Raster, type Resample, resize } from './resize.js'

/** A part of an image, of a size; what lies outside of the image is 0, or another byte. */
export function windowOf(
  { data, width, height, channels }: Raster,
  { size, top, left, fill = 0 }: { readonly size: Size; readonly top: number; readonly left: number; readonly fill?: number },
): Raster {
  const result = new Uint8ClampedArray(size.width * size.height * channels).fill(fill)
  for (let y = Math.max(0, -top); y < size.height && y + top < height; y++) {
    const from = Math.max(0, left)
    const until = Math.min(width, left + size.width)
    const row = data.subarray(((y + top) * width + from) * channels, ((y + top) * width + until) * channels)
    result.set(row, (y * size.width + from - left) * channels)
  }
  return { width: size.width, height: size.height, channels, data: result }
}

/** Turned by 90° clockwise where it lies and the frame stands, or the other way round. */
export function turnedFor(image: Raster, frame: Size): Raster {
  const { data, width, height, channels } = image
  const isOther = (frame.width < frame.height && width > height) || (frame.width > frame.height && width < height)
  if (!isOther) return image
  const result = new Uint8ClampedArray(data.length)
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const to = (x * height + height - 1 - y) * channels
      for (let c = 0; c < channels; c++) result[to + c] = data[(y * width + x) * channels + c]!
    }
  return { width: height, height: width, channels, data: result }
}

/** As a thumbnail: no side longer than that of the frame. */
export function shrunk(image: Raster, frame: Size, resample: Resample): Raster {
  const [most, wide] = [Math.min(image.height, frame.height), Math.min(image.width, frame.width)]
  if (most === image.height && wide === image.width) return image
  const height = image.width > image.height ? Math.trunc((image.height * wide) / image.width) : most
  const width = image.height > image.width ? Math.trunc((image.width * most) / image.height) : wide
  return resize(image, { height, width }, resample)
}

/** In the middle of a frame of 0; an image that is larger stays as it is. */
export function filledAround(image: Raster, frame: Size): Raster {
  const size = { height: Math.max(frame.height, image.height), width: Math.max(frame.width, image.width) }
  const [left, top] = middleOf(image, frame)
  return windowOf(image, { size, top: -top || 0, left: -left || 0 })
}

/** Where an image begins that is put into the middle of a frame; one that is larger begins where it does. */
export function middleOf(image: Size, frame: Size): readonly [left: number, top: number] {
  const half = (side: number) => Math.floor(Math.max(0, side) / 2)
  return [half(frame.width - image.width), half(frame.height - image.height)]
}

/** Filled up to the right and below with its mirror image: to the next multiple that is larger. */
export function mirrored({ data, width, height, channels }: Raster, multiple: number): Raster {
  const [high, wide] = [height, width].map((side) => (Math.floor(side / multiple) + 1) * multiple) as [number, number]
  const result = new Uint8ClampedArray(high * wide * channels)
  const source = (at: number, side: number) => {
    const place = at % (2 * side)
    return place < side ? place : 2 * side - 1 - place
  }
  for (let y = 0; y < high; y++)
    for (let x = 0; x < wide; x++)
      for (let c = 0; c < channels; c++)
        result[(y * wide + x) * channels + c] = data[(source(y, height) * width + source(x, width)) * channels + c]!
  return { width: wide, height: high, channels, data: result }
}
