// Tells vitest of the end-to-end tests, which `npm run e2e` runs in the cluster of KUBECONFIG.
import { defineConfig } from 'vitest/config'

// biome-ignore lint/style/noDefaultExport: vitest reads its settings from the default export.
export default defineConfig({
  test: {
    include: ['test/e2e/**/*.test.ts'],
    globalSetup: ['test/e2e/setup.ts'],
    // Each file installs the chart for the whole cluster; within a file pods start side by side.
    fileParallelism: false,
    maxConcurrency: 10,
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
})
