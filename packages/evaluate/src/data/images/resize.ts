/** u8[height, width, channels]. */
export interface Raster {
  readonly width: number
  readonly height: number
  readonly channels: number
  readonly data: Uint8Array | Uint8ClampedArray
}

export type Resample = 'nearest' | 'box' | 'bilinear' | 'hamming' | 'bicubic' | 'lanczos'

interface Kernel {
  readonly support: number
  at(x: number): number
}

const sinc = (x: number) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x))

const KERNELS: Readonly<Record<Exclude<Resample, 'nearest'>, Kernel>> = {
  box: { support: 0.5, at: (x) => Number(x > -0.5 && x <= 0.5) },
  bilinear: { support: 1, at: (x) => Math.max(0, 1 - Math.abs(x)) },
  hamming: { support: 1, at: (x) => (Math.abs(x) >= 1 ? 0 : sinc(x) * (0.54 + 0.46 * Math.cos(Math.PI * x))) },
  bicubic: { support: 2, at: (x) => cubic(Math.abs(x), -0.5) },
  lanczos: { support: 3, at: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
}

function cubic(x: number, a: number): number {
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0
}

/** The bits behind the point of Pillow's weights. */
const ONE = 2 ** 22

/**
 * An image in another size, as Pillow resizes it (`Resample.c`): along rows, then along columns, each rounded to a byte, with weights of 22 bits, and a
 * kernel that grows with the scale, so that nothing is left out in shrinking.
 */
export function resize(
  image: Raster,
  { width, height }: { readonly width: number; readonly height: number },
  how: Resample,
): Raster {
  if (image.width === width && image.height === height) return image
  if (how === 'nearest') return nearest(image, width, height)
  const kernel = KERNELS[how]
  const wide = image.width === width ? image : alongRows(image, width, kernel)
  return wide.height === height ? wide : alongColumns(wide, height, kernel)
}

interface Weights {
  readonly first: number
  readonly values: readonly number[]
}

function weightsOf(from: number, to: number, { support, at }: Kernel): Weights[] {
  const scale = from / to
  const filterScale = Math.max(1, scale)
  const reach = support * filterScale
  return Array.from({ length: to }, (_, i) => {
    const center = (i + 0.5) * scale
    const first = Math.max(0, Math.trunc(center - reach + 0.5))
    const end = Math.min(from, Math.trunc(center + reach + 0.5))
    const raw = Array.from({ length: end - first }, (_, j) => at((first + j - center + 0.5) / filterScale))
    const sum = raw.reduce((total, each) => total + each, 0)
    return { first, values: raw.map((each) => Math.trunc((each / (sum || 1)) * ONE + (each < 0 ? -0.5 : 0.5))) }
  })
}

function alongRows({ data, width, height, channels }: Raster, to: number, kernel: Kernel): Raster {
  const weights = weightsOf(width, to, kernel)
  const result = new Uint8ClampedArray(to * height * channels)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < to; x++) {
      const { first, values } = weights[x]!
      for (let c = 0; c < channels; c++) {
        let sum = ONE / 2
        let from = (y * width + first) * channels + c
        for (let k = 0; k < values.length; k++, from += channels) sum += data[from]! * values[k]!
        result[(y * to + x) * channels + c] = Math.floor(sum / ONE)
      }
    }
  }
  return { width: to, height, channels, data: result }
}

function alongColumns({ data, width, height, channels }: Raster, to: number, kernel: Kernel): Raster {
  const weights = weightsOf(height, to, kernel)
  const stride = width * channels
  const result = new Uint8ClampedArray(to * stride)
  for (let y = 0; y < to; y++) {
    const { first, values } = weights[y]!
    for (let i = 0; i < stride; i++) {
      let sum = ONE / 2
      let from = first * stride + i
      for (let k = 0; k < values.length; k++, from += stride) sum += data[from]! * values[k]!
      result[y * stride + i] = Math.floor(sum / ONE)
    }
  }
  return { width, height: to, channels, data: result }
}

function nearest({ data, width, height, channels }: Raster, toWidth: number, toHeight: number): Raster {
  const result = new Uint8ClampedArray(toWidth * toHeight * channels)
  for (let y = 0; y < toHeight; y++) {
    const row = Math.min(height - 1, Math.floor(((y + 0.5) * height) / toHeight)) * width
    for (let x = 0; x < toWidth; x++) {
      const from = (row + Math.min(width - 1, Math.floor(((x + 0.5) * width) / toWidth))) * channels
      for (let c = 0; c < channels; c++) result[(y * toWidth + x) * channels + c] = data[from + c]!
    }
  }
  return { width: toWidth, height: toHeight, channels, data: result }
}
