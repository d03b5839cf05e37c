import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isPareError } from '../terminal/failure.js'
import { readMasks } from './read-masks.js'
import { safetensorsHeader } from './safetensors.js'

/** A file as the format has it: the length of the header in 8 bytes, the header, the data. */
function file(header: unknown, data: readonly number[] = [], length?: bigint): Buffer {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const first = Buffer.alloc(8)
  first.writeBigUInt64LE(length ?? BigInt(text.length))
  return Buffer.concat([first, text, Buffer.from(data)])
}

async function read(bytes: Uint8Array) {
  const folder = await mkdtemp(join(tmpdir(), 'pare-safetensors-'))
  try {
    await writeFile(join(folder, 'a.safetensors'), bytes)
    return await readMasks(join(folder, 'a.safetensors'), 'a.safetensors')
  } finally {
    await rm(folder, { recursive: true })
  }
}

const tensor = (dtype: string, shape: unknown, begin: unknown, end: unknown) => ({ dtype, shape, data_offsets: [begin, end] })
const floats = (values: readonly number[]) => [...new Uint8Array(Float32Array.from(values).buffer)]
const doubles = (values: readonly number[]) => [...new Uint8Array(Float64Array.from(values).buffer)]

it('an element that is 0 goes, whatever it is stored as', async () => {
  const header = {
    __metadata__: { format: 'pt' },
    bool: tensor('BOOL', [2, 3], 0, 6),
    byte: tensor('U8', [3], 6, 9),
    // 0, −0, the smallest number above 0
    half: tensor('F16', [3], 9, 15),
    float: tensor('F32', [4], 15, 31),
    double: tensor('F64', [3], 31, 55),
    // 0 and 2³²
    long: tensor('I64', [2], 55, 71),
    none: tensor('BOOL', [0, 7], 71, 71),
    scalar: tensor('BF16', [], 71, 73),
  }
  const data = [
    ...[1, 0, 1, 1, 0, 0],
    ...[255, 0, 2],
    ...[0, 0, 0, 0x80, 1, 0],
    ...floats([0, -0, 1e-45, Number.POSITIVE_INFINITY]),
    ...doubles([-0, 5e-324, -1]),
    ...[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0],
    ...[0, 0x80],
  ]
  const masks = await read(file(header, data))
  expect(Object.fromEntries([...masks].map(([name, { shape, zeros }]) => [name, [shape, zeros[0]?.toString(2)]]))).toEqual({
    bool: [[2, 3], '110010'],
    byte: [[3], '10'],
    half: [[3], '11'],
    float: [[4], '11'],
    double: [[3], '1'],
    long: [[2], '1'],
    none: [[0, 7], undefined],
    scalar: [[], '1'],
  })
})

it('what is written begins as the format says', () => {
  const header = safetensorsHeader(
    [
      { name: 'w', type: 'bool', shape: [2, 3] },
      { name: 'v', type: 'bool', shape: [4] },
    ],
    { mask: 'm' },
  )
  const length = Number(Buffer.from(header).readBigUInt64LE())
  expect(header.length).toBe(8 + length)
  expect(header.length % 8).toBe(0)
  expect(JSON.parse(Buffer.from(header).toString('utf8', 8))).toEqual({
    __metadata__: { mask: 'm' },
    w: { dtype: 'BOOL', shape: [2, 3], data_offsets: [0, 6] },
    v: { dtype: 'BOOL', shape: [4], data_offsets: [6, 10] },
  })
})

describe('refused with what is wrong and what was expected', () => {
  it.each<[string, Uint8Array, string]>([
    ['nothing', Buffer.alloc(0), 'it has 0 bytes, and the length of its header alone takes 8'],
    ['a header beyond the end', file({}, [], 3n), 'its header has 3 bytes, and the file 10'],
    ['a header without end', file({}, [], 2n ** 63n), 'its header has 9223372036854776000 bytes, and the file 10'],
    ['no JSON', file('{"a":'), 'its header is not JSON'],
    ['JSON nested too deep', file(`${'['.repeat(5000)}${']'.repeat(5000)}`), 'its header is not JSON'],
    ['a list', file([]), 'its header is no object of tensors by name'],
    ['no tensors', file({ __metadata__: {} }), 'a.safetensors holds no masks'],
    ['a tensor without offsets', file({ a: { dtype: 'U8', shape: [1] } }, [1]), "'a', data_offsets: "],
    ['more about a tensor', file({ a: { ...tensor('U8', [1], 0, 1), path: '/etc/passwd' } }, [1]), "'a': Unrecognized key"],
    ["a type of one's own", file({ a: tensor('toString', [1], 0, 1) }, [1]), "'a' holds toString; bools, integers or floats"],
    ['floats of 8 bits', file({ a: tensor('F8_E4M3', [1], 0, 1) }, [1]), "'a' holds F8_E4M3; bools, integers or floats"],
    ['a negative size', file({ a: tensor('U8', [-1], 0, 1) }, [1]), "'a', shape.0"],
    ['a size that is no number', file({ a: tensor('U8', ['1'], 0, 1) }, [1]), "'a', shape.0"],
    ['too many axes', file({ a: tensor('U8', Array(33).fill(1), 0, 1) }, [1]), "'a', shape: "],
    ['offsets that go back', file({ a: tensor('U8', [1], 1, 0) }, [1]), "'a' has -1 bytes, and U8[1] needs 1"],
    [
      'a shape larger than its bytes',
      file({ a: tensor('U8', [2 ** 40, 2 ** 40], 0, 1) }, [1]),
      "'a' has 1 bytes, and U8[1099511627776,",
    ],
    ['a tensor beyond the end', file({ a: tensor('U8', [9], 0, 9) }, [1]), 'its tensors end at byte'],
    ['bytes of no tensor', file({ a: tensor('U8', [1], 0, 1) }, [1, 2]), 'its tensors end at byte'],
    [
      'tensors over each other',
      file({ a: tensor('U8', [2], 0, 2), b: tensor('U8', [2], 1, 3) }, [1, 2, 3]),
      "'b' begins at byte",
    ],
    ['a hole', file({ a: tensor('U8', [1], 0, 1), b: tensor('U8', [1], 2, 3) }, [1, 2, 3]), "'b' begins at byte"],
    [
      'NaN',
      file({ a: tensor('F32', [2], 0, 8) }, floats([1, Number.NaN])),
      "a.safetensors: element 1 of 'a' is NaN; 0 was expected",
    ],
    ['NaN in f64', file({ a: tensor('F64', [1], 0, 8) }, doubles([Number.NaN])), "element 0 of 'a' is NaN"],
  ])('%s', async (_, bytes, message) => {
    const error = await read(bytes).catch((each: unknown) => each)
    expect(error).toMatchObject({ message: expect.stringContaining(message), hint: expect.stringMatching(/\w/) })
  })

  it('whatever bytes there are: read, or refused as what the user can act on', async () => {
    const good = file({ a: tensor('BOOL', [4], 0, 4), b: tensor('F32', [2], 4, 12) }, [1, 0, 1, 0, ...floats([1, 0])])
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), async (at, byte, end) => {
        const bytes = Buffer.from(good)
        bytes[at] = byte
        const error = await read(bytes.subarray(0, end)).then(
          () => undefined,
          (each: unknown) => each,
        )
        expect(error === undefined || isPareError(error)).toBe(true)
      }),
    )
  })
})
