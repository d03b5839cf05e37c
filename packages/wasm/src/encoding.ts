/** Bytes of WebAssembly's binary format, nested as they come together. */
export type Code = readonly (number | Code)[]

/** LEB128 of a whole number from 0 on. */
export function unsigned(value: number): number[] {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest]
    bytes.push((rest % 128) | 128)
  }
}

/** LEB128 of an i32. */
export function signed(value: number): number[] {
  const bytes: number[] = []
  for (let rest = value | 0; ; ) {
    const byte = rest & 127
    rest >>= 7
    // What is left is the sign of this byte over and over.
    if (rest === ((byte & 64) === 0 ? 0 : -1)) return [...bytes, byte]
    bytes.push(byte | 128)
  }
}
