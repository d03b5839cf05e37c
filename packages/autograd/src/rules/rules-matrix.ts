import type { GradientRules } from '../site/rule.js'
import type { GradientRule, GradientSite } from '../site/site.js'

/** Y = A B  ⇒  Ā = Ȳ Bᵀ, B̄ = Aᵀ Ȳ, summed over batch dimensions that were broadcast. A vector is a matrix of one row (left) or column (right). */
const matmul: GradientRule = (site) => {
  const [a, b, y] = [site.input(0), site.input(1), site.output(0)]
  const [ranks, g] = [[site.rank(a), site.rank(b)] as const, site.gradient]
  if (ranks[0] === 1 || ranks[1] === 1) return vectors(site, g)
  return [
    site.wants(0) ? left(site, { g, b, a, y }) : undefined,
    site.wants(1)
      ? ranks[1] === 2
        ? weight(site, a, g)
        : reduceBatch(site, site.matmul(a, g, { transA: true }), { of: b, other: a })
      : undefined,
  ]
}

function left(site: GradientSite, { g, b, a, y }: { g: string; b: string; a: string; y: string }): string {
  const product = site.matmul(g, b, { transB: true })
  return site.rank(a) === site.rank(y) && site.rank(b) === 2 ? product : reduceBatch(site, product, { of: a, other: b })
}

/** Aᵀ Ȳ of a weight [in, out]: batches are rows like all others. */
function weight(site: GradientSite, a: string, g: string): string {
  const flat = (value: string, like: string) => {
    const dims = site.dims(like)
    return dims.length === 2 ? value : site.reshape(value, rowsShape(site, like))
  }
  return site.emit.node('Gemm', [flat(a, a), flat(g, site.output(0))], { transA: 1n })
}

/** [−1, size of the last axis] */
function rowsShape(site: GradientSite, value: string): string {
  const last = site.dims(value).at(-1)!
  if (typeof last === 'number') return site.emit.ints([-1, last])
  return site.emit.node('Concat', [site.emit.ints([-1]), site.size(value, site.rank(value) - 1)], { axis: 0n })
}

/** Sums a product of batched matrices over the batch axes along which one of them was repeated. */
export function reduceBatch(site: GradientSite, product: string, { of, other }: { of: string; other: string }): string {
  const [own, others] = [site.dims(of).slice(0, -2), site.dims(other).slice(0, -2)]
  const rank = Math.max(own.length, others.length)
  const more = rank - own.length
  const axes = Array.from({ length: rank }, (_, axis) => axis).filter((axis) => {
    const size = others[axis - (rank - others.length)] ?? 1
    return axis < more || (own[axis - more] === 1 && size !== 1)
  })
  if (axes.length === 0) return product
  const summed = site.sum(product, axes)
  return more === 0 ? summed : site.emit.node('Squeeze', [summed, site.emit.ints(Array.from({ length: more }, (_, i) => i))])
}

/** Vectors as matrices, and the gradients back in their shapes. */
function vectors(site: GradientSite, g: string): (string | undefined)[] {
  const [a, b] = [site.input(0), site.input(1)]
  const [isRow, isColumn] = [site.rank(a) === 1, site.rank(b) === 1]
  const axes = [...(isRow ? [-2] : []), ...(isColumn ? [-1] : [])]
  const gm = isRow && isColumn ? site.reshape(g, site.emit.ints([1, 1])) : site.unsqueeze(g, axes)
  const am = isRow ? site.unsqueeze(a, [0]) : a
  const bm = isColumn ? site.unsqueeze(b, [1]) : b
  const back = (product: string, vector: string, axis: number) => {
    const batch = Math.max(site.rank(a), site.rank(b)) - 2
    const summed =
      batch > 0
        ? site.sum(
            product,
            Array.from({ length: batch }, (_, i) => i),
            false,
          )
        : product
    return site.rank(vector) === 1 ? site.emit.node('Squeeze', [summed, site.emit.ints([axis])]) : product
  }
  return [
    site.wants(0) ? back(site.matmul(gm, bm, { transB: true }), a, 0) : undefined,
    site.wants(1) ? back(site.matmul(am, gm, { transA: true }), b, 1) : undefined,
  ]
}

/** Y = α op(A) op(B) + β C  ⇒  Ā = α Ȳ op(B)ᵀ, B̄ = α op(A)ᵀ Ȳ, each transposed back where op transposes, C̄ = β ΣȲ. */
const gemm: GradientRule = (site) => {
  const [a, b, c] = [site.input(0), site.input(1), site.input(2)]
  const [transA, transB] = [site.int('transA', 0) !== 0, site.int('transB', 0) !== 0]
  const [alpha, beta] = [site.float('alpha', 1), site.float('beta', 1)]
  const g = site.gradient
  const product = (x: string, y: string, tx: boolean, ty: boolean) =>
    site.emit.node('Gemm', [x, y], { ...(tx && { transA: 1n }), ...(ty && { transB: 1n }), ...(alpha !== 1 && { alpha }) })
  return [
    site.wants(0) ? (transA ? product(b, g, transB, true) : product(g, b, false, !transB)) : undefined,
    site.wants(1) ? (transB ? product(g, a, true, transA) : product(a, g, !transA, false)) : undefined,
    site.wants(2) ? site.mul(site.reduceTo(g, site.output(0), c), beta) : undefined,
  ]
}

export const matrix: GradientRules = { MatMul: matmul, Gemm: gemm }
