import { cutStructure, defineStructure } from '@pare/core'

/** Output channels of Conv and ConvTranspose, with BatchNormalization, residual branches and whatever else keeps the same channels. */
export const channel = defineStructure({
  name: 'channel',
  about:
    'Output channels of Conv and ConvTranspose, with BatchNormalization, residual branches and whatever else keeps the same channels.',
  create: (_, name) =>
    cutStructure({
      name,
      candidates: ({ coupled }) => coupled.filter(({ roles }) => roles.has('conv-out')),
      refuse: ({ roles }) =>
        roles.has('norm')
          ? 'a normalisation takes statistics over these channels: removing one would change the others'
          : undefined,
    }),
})

export default channel
