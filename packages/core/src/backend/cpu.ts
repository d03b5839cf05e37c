import type { Backend } from './backend.js'
import { javascript } from './javascript.js'
import { compiles, webassembly } from './vector/webassembly.js'

/** The fast backend without a GPU: WebAssembly vectors where the expression has a vector form, else fused JavaScript. */
export const cpu: Backend = {
  name: 'cpu',
  compile: (expression, precision) =>
    precision === 'f32' && compiles(expression) ? webassembly(expression) : javascript.compile(expression, precision),
}
