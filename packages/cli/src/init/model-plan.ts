import type { Proposal } from './proposal.js'
import type { Signature } from './signature.js'

/** A model of the project, and the data that it can be measured with. */
export interface ModelPlan {
  readonly path: string
  readonly kind: Signature['kind']
  /** Data that have what the model takes, the likeliest first. */
  readonly data: readonly string[]
  /** How it is measured with the first of them, or with others of them. Undefined where there are none. */
  readonly proposal?: Proposal
  proposalFor(data: string): Promise<Proposal>
}
