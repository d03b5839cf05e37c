/**
 * WGSL: arithmetic of f32 with integers, on the bits. WGSL lets a device fuse a product with a sum, flush subnormal numbers, divide to 2.5 units in the last
 * place and assume that nothing is NaN; integers are the same everywhere. So every saliency is, bit for bit, that of the CPU, on any device.
 * Each result is rounded once, to nearest, ties to even (IEEE 754, §4.3.1).
 */
export const EXACT_FLOATS = /* wgsl */ `
const SIGN = 0x80000000u;
const INFINITE = 0x7f800000u;
const NAN = 0x7fc00000u;

fn size(a: u32) -> u32 { return a & 0x7fffffffu; }
fn isNan(a: u32) -> bool { return size(a) > INFINITE; }

// Integers that sort as the numbers do, −0 below 0.
fn keyOf(a: u32) -> u32 { return a ^ select(SIGN, 0xffffffffu, a >= SIGN); }
fn withoutMinus(a: u32) -> u32 { return select(a, 0u, a == SIGN); }

// m · 2^(e − 153), the three lowest bits of m being rounded away. Bit 26 of m is its highest, or lower where e = 1.
fn rounded(sign: u32, e: i32, m: u32) -> u32 {
  let bits = (u32(e - 1) << 23u) + (m >> 3u);
  let tail = m & 7u;
  let up = tail > 4u || (tail == 4u && (bits & 1u) == 1u);
  return sign | min(bits + select(0u, 1u, up), INFINITE);
}

// The same for any e, with bit 26 set.
fn scaled(sign: u32, e: i32, m: u32) -> u32 {
  if (e >= 255) { return sign | INFINITE; }
  if (e >= 1) { return rounded(sign, e, m); }
  let right = u32(min(1 - e, 27));
  let lost = (m & ((1u << right) - 1u)) != 0u;
  return rounded(sign, 1, (m >> right) | select(0u, 1u, lost));
}

// Of a finite number above 0: m · 2^(e − 150), bit 23 of m being its highest.
struct Parts { e: i32, m: u32 }
fn partsOf(a: u32) -> Parts {
  let m = a & 0x7fffffu;
  if (a >= 0x800000u) { return Parts(i32(a >> 23u), m | 0x800000u); }
  let left = countLeadingZeros(m) - 8u;
  return Parts(1 - i32(left), m << left);
}

fn add(a: u32, b: u32) -> u32 {
  if (isNan(a) || isNan(b)) { return NAN; }
  let larger = select(a, b, size(b) > size(a));
  let smaller = select(b, a, size(b) > size(a));
  let sign = larger & SIGN;
  let opposite = ((a ^ b) & SIGN) != 0u;
  if (size(larger) == INFINITE) { return select(larger, NAN, opposite && size(smaller) == INFINITE); }
  // Subnormal numbers have the exponent 1, and no leading bit.
  var e = max(i32(size(larger) >> 23u), 1);
  let apart = u32(min(e - max(i32(size(smaller) >> 23u), 1), 27));
  let first = ((larger & 0x7fffffu) | select(0u, 0x800000u, size(larger) >= 0x800000u)) << 3u;
  let whole = ((smaller & 0x7fffffu) | select(0u, 0x800000u, size(smaller) >= 0x800000u)) << 3u;
  let lost = (whole & ((1u << apart) - 1u)) != 0u;
  let second = (whole >> apart) | select(0u, 1u, lost);
  var m = select(first + second, first - second, opposite);
  if (m == 0u) { return select(sign, 0u, opposite); }
  if (m >= 0x8000000u) {
    m = (m >> 1u) | (m & 1u);
    e += 1;
  }
  let left = min(i32(countLeadingZeros(m)) - 5, e - 1);
  return rounded(sign, e - left, m << u32(left));
}

fn negate(a: u32) -> u32 { return a ^ SIGN; }
fn subtract(a: u32, b: u32) -> u32 { return add(a, negate(b)); }

fn multiply(a: u32, b: u32) -> u32 {
  if (isNan(a) || isNan(b)) { return NAN; }
  let sign = (a ^ b) & SIGN;
  let zero = size(a) == 0u || size(b) == 0u;
  if (size(a) == INFINITE || size(b) == INFINITE) { return select(sign | INFINITE, NAN, zero); }
  if (zero) { return sign; }
  let p = partsOf(size(a));
  let q = partsOf(size(b));
  // The product of 24 bits and 24 bits, by halves: upper · 2^24 + lower.
  let low = (p.m & 0xfffu) * (q.m & 0xfffu);
  let middle = (p.m >> 12u) * (q.m & 0xfffu) + (p.m & 0xfffu) * (q.m >> 12u) + (low >> 12u);
  let upper = (p.m >> 12u) * (q.m >> 12u) + (middle >> 12u);
  let lower = ((middle & 0xfffu) << 12u) | (low & 0xfffu);
  if (upper >= 0x800000u) {
    return scaled(sign, p.e + q.e - 126, (upper << 3u) | (lower >> 21u) | select(0u, 1u, (lower & 0x1fffffu) != 0u));
  }
  return scaled(sign, p.e + q.e - 127, (upper << 4u) | (lower >> 20u) | select(0u, 1u, (lower & 0xfffffu) != 0u));
}

fn square(a: u32) -> u32 { return multiply(a, a); }

fn divide(a: u32, b: u32) -> u32 {
  if (isNan(a) || isNan(b)) { return NAN; }
  let sign = (a ^ b) & SIGN;
  if (size(a) == INFINITE) { return select(sign | INFINITE, NAN, size(b) == INFINITE); }
  if (size(b) == INFINITE) { return sign; }
  if (size(b) == 0u) { return select(sign | INFINITE, NAN, size(a) == 0u); }
  if (size(a) == 0u) { return sign; }
  var p = partsOf(size(a));
  let q = partsOf(size(b));
  if (p.m < q.m) { p = Parts(p.e - 1, p.m << 1u); }
  // 27 bits of the quotient: 1, three times 8, and 2.
  var m = 1u;
  var rest = p.m - q.m;
  for (var i = 0; i < 3; i++) {
    m = (m << 8u) | ((rest << 8u) / q.m);
    rest = (rest << 8u) % q.m;
  }
  m = (m << 2u) | ((rest << 2u) / q.m);
  rest = (rest << 2u) % q.m;
  return scaled(sign, p.e - q.e + 127, m | select(0u, 1u, rest != 0u));
}

fn squareRoot(a: u32) -> u32 {
  if (size(a) == 0u || a == INFINITE) { return a; }
  if (a > INFINITE) { return NAN; }
  let p = partsOf(a);
  // The exponent made even: m of 25 or 26 bits.
  let left = select(2, 1, (p.e & 1) == 1);
  let m = p.m << u32(left);
  // 26 bits of the root, each from two more bits of m, which zeros follow.
  var root = 0u;
  var rest = 0u;
  for (var i = 0u; i < 26u; i++) {
    rest = (rest << 2u) | select(0u, (m >> (24u - 2u * min(i, 12u))) & 3u, i < 13u);
    let next = (root << 2u) | 1u;
    let fits = rest >= next;
    rest -= select(0u, next, fits);
    root = (root << 1u) | select(0u, 1u, fits);
  }
  return rounded(0u, 139 + (p.e - 150 - left) / 2, (root << 1u) | select(0u, 1u, rest != 0u));
}

fn least(a: u32, b: u32) -> u32 {
  if (isNan(a) || isNan(b)) { return NAN; }
  return select(b, a, keyOf(a) < keyOf(b));
}

fn most(a: u32, b: u32) -> u32 {
  if (isNan(a) || isNan(b)) { return NAN; }
  return select(b, a, keyOf(a) > keyOf(b));
}

fn less(a: u32, b: u32) -> u32 {
  let holds = !isNan(a) && !isNan(b) && keyOf(withoutMinus(a)) < keyOf(withoutMinus(b));
  return select(0u, 0x3f800000u, holds);
}

// Of a whole number of less than 2^8, and of anything that is not finite, any integer.
fn integerOf(a: u32) -> i32 {
  if (size(a) == 0u || size(a) >= 0x43800000u) { return 0; }
  let p = partsOf(size(a));
  let n = i32(p.m >> u32(clamp(150 - p.e, 0, 31)));
  return select(n, -n, a >= SIGN);
}

// 2^n of a whole number n from −126 to 127.
fn powerOfTwo(n: u32) -> u32 { return u32(clamp(integerOf(n) + 127, 0, 255)) << 23u; }

// The exponent of a normal number, as a float.
fn exponentOf(a: u32) -> u32 {
  let e = i32((a >> 23u) & 255u) - 127;
  return select(0u, SIGN, e < 0) | floatOf(u32(abs(e)));
}

// Of an integer below 2^24.
fn floatOf(n: u32) -> u32 {
  let zeros = countLeadingZeros(n);
  return select(((157u - zeros) << 23u) + (n << (zeros - 8u)), 0u, n == 0u);
}

// A bijection of 32-bit integers (C. Wellons, "hash prospector": lowbias32).
fn mixed(a: u32) -> u32 {
  var x = a ^ (a >> 16u);
  x *= 0x7feb352du;
  x ^= x >> 15u;
  x *= 0x846ca68bu;
  return x ^ (x >> 16u);
}

// n · 2^−24 of n < 2^24.
fn fraction(n: u32) -> u32 {
  return select(floatOf(n) - (24u << 23u), 0u, n == 0u);
}

fn uniformAt(index: vec2u, keys: vec2u) -> u32 {
  return fraction(mixed(mixed(index.x ^ keys.x) ^ mixed(index.y + keys.y)) >> 8u);
}
`
