import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Tests that load ONNX Runtime themselves must not send anything either, nor leave its files behind.
    env: { ORT_DISABLE_TELEMETRY: '1' },
  },
})
