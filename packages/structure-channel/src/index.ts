import type { CoupledGroup, Structure } from '@pare/core'

/** Output channels of Conv and ConvTranspose, with BatchNormalization, residual branches and whatever else keeps the same channels. */
export function channel(): Structure {
  return {
    name: 'channel',
    kind: 'cut',
    find({ coupled }) {
      const channels = coupled.filter(({ roles }) => roles.has('conv-out'))
      return {
        groups: channels.filter((group) => refusal(group) === undefined),
        declined: channels.flatMap((group) => {
          const reason = refusal(group)
          return reason === undefined ? [] : [{ id: group.id, structure: 'channel', reason }]
        }),
      }
    },
  }
}

function refusal({ held, roles }: CoupledGroup): string | undefined {
  if (held !== undefined) return held
  return roles.has('norm')
    ? 'a normalisation takes statistics over these channels: removing one would change the others'
    : undefined
}

export default channel
