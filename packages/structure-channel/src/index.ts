import { cutStructure, type Structure } from '@pare/core'

/** Output channels of Conv and ConvTranspose, with BatchNormalization, residual branches and whatever else keeps the same channels. */
export const channel = (): Structure =>
  cutStructure({
    name: 'channel',
    candidates: ({ coupled }) => coupled.filter(({ roles }) => roles.has('conv-out')),
    refuse: ({ roles }) =>
      roles.has('norm')
        ? 'a normalisation takes statistics over these channels: removing one would change the others'
        : undefined,
  })

export default channel
