/** A scale of pitch, and how the triangles on it are drawn. */
export interface MelBank {
  readonly filters: number
  /** Of the spectrum: frequencies from 0 to half the rate. */
  readonly bins: number
  readonly rate: number
  /** In hertz. */
  readonly lowest: number
  readonly highest: number
  /** 'slaney': linear up to 1,000 Hz, then logarithmic, triangles of area 1, as librosa has it. 'kaldi': 1127·ln(1 + f ÷ 700), triangles of height 1 on that scale. */
  readonly scale: 'slaney' | 'kaldi'
}

const LOG_STEP = Math.log(6.4) / 27

const SCALES = {
  slaney: {
    toMel: (hertz: number) => (hertz < 1000 ? (3 * hertz) / 200 : 15 + Math.log(hertz / 1000) / LOG_STEP),
    toHertz: (mel: number) => (mel < 15 ? (200 * mel) / 3 : 1000 * Math.exp(LOG_STEP * (mel - 15))),
  },
  kaldi: {
    toMel: (hertz: number) => 1127 * Math.log(1 + hertz / 700),
    toHertz: (mel: number) => 700 * (Math.exp(mel / 1127) - 1),
  },
} as const

/** The weights of the triangles, f64[filters][bins], as `mel_filter_bank` of transformers makes them. */
export function melBank({ filters, bins, rate, lowest, highest, scale }: MelBank): readonly Float64Array[] {
  const { toMel, toHertz } = SCALES[scale]
  const [from, to] = [toMel(lowest), toMel(highest)]
  const mels = Array.from({ length: filters + 2 }, (_, i) => from + ((to - from) * i) / (filters + 1))
  const isInMel = scale === 'kaldi'
  const corners = isInMel ? mels : mels.map(toHertz)
  const places = Float64Array.from({ length: bins }, (_, k) => {
    const hertz = (k * rate) / 2 / (bins - 1)
    return isInMel ? toMel(hertz) : hertz
  })
  return Array.from({ length: filters }, (_, i) => {
    const [left, middle, right] = [corners[i]!, corners[i + 1]!, corners[i + 2]!]
    const area = isInMel ? 1 : 2 / (right - left)
    return places.map(
      (place) => area * Math.max(0, Math.min((place - left) / (middle - left), (right - place) / (right - middle))),
    )
  })
}
