/** Where GitHub looks for it. */
export const WORKFLOW_PATH = '.github/workflows/pare.yml'

/** A workflow that runs pare on each pull request. With `lfs` the files are fetched that Git keeps elsewhere. */
export function workflowText({ lfs }: { readonly lfs: boolean }): string {
  return `name: pare
on: pull_request
permissions:
  contents: read
jobs:
  pare:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v5
${lfs ? '        with: { lfs: true }\n' : ''}      - uses: pare-dev/pare@v1
`
}
