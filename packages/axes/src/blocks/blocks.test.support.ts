import type { Model } from '@pare/onnx'
import { findCoupling } from '../dependency/groups.js'
import { findBlockParts, findBlocks } from './find-blocks.js'

export const LAYERS = [0, 1, 2]
export const SKIP = 'com.microsoft.SkipLayerNormalization'

/** Of three blocks, which go. */
export const REMOVALS = [[[]], [[0]], [[1]], [[2]], [[0, 1]], [[0, 2]]]

export async function blocksOf(model: Model) {
  const { dependencies } = await findCoupling(model)
  return findBlocks(model, dependencies)
}

export async function partsOf(model: Model) {
  const { dependencies } = await findCoupling(model)
  return findBlockParts(model, dependencies)
}

/** A block of attention, x + softmax(x·up)·down, and a feed-forward network, each part with a norm before it, fused with the sum before or not: of h`l`, h`l + 1`. */
export function partedBlock(l: number, isFused: boolean): string {
  const sum = (to: string, from: string, added: string, norm: string) =>
    isFused
      ? `${norm}, , , ${to} = ${SKIP}(${from}, ${added}, n${l})`
      : `${to} = Add(${from}, ${added}) ${norm} = LayerNormalization(${to}, n${l})`
  const begin = l === 0 ? 'a0 = LayerNormalization(h0, n0)' : ''
  const attends = `u${l} = MatMul(a${l}, up${l}) z${l} = Softmax(u${l}) d${l} = MatMul(z${l}, down${l}) ${sum(`m${l}`, `h${l}`, `d${l}`, `b${l}`)}`
  const feeds = `f${l} = MatMul(b${l}, in${l}) g${l} = Relu(f${l}) e${l} = MatMul(g${l}, out${l}) ${sum(`h${l + 1}`, `m${l}`, `e${l}`, `a${l + 1}`)}`
  return `${begin} ${attends} ${feeds}`
}

/** Constants of feed-forward networks in `partedBlock`. */
export const FORWARD_WEIGHTS = LAYERS.map((l) => `float[6, 8] in${l}, float[8, 6] out${l}, `).join('')
