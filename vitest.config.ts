import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts'],
    globalSetup: fileURLToPath(new URL('scripts/fresh-children.mjs', import.meta.url)),
    pool: 'forks',
    maxWorkers: 2,
    // Files of a worker share what they import: loading it took longer than the tests. Packages whose tests change their process say --isolate.
    isolate: false,
    // Against tests that hang, not those of a machine that has other work.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // Tests that load ONNX Runtime themselves must not send anything either, nor leave its files behind.
    env: { ORT_DISABLE_TELEMETRY: '1' },
    // Other packages are built: Node loads them as they are. Vite would transform each file of theirs in each worker, which took longer than most tests.
    server: { deps: { external: [/\/packages\/[^/]+\/dist\//] } },
  },
})
