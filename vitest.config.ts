import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/compiled.ts', 'test/support/postgres-setup.ts'],
    exclude: ['dist/**', '.compiled/**', 'node_modules/**', 'test/next-app/**'],
    // Long, for a machine that does something else as well.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // No module holds what differs between deployments: files that share a process load the program once, and take a quarter less.
    isolate: false,
    maxWorkers: 3,
    // What was transformed is kept between runs: one file of the server's starts with a quarter less CPU.
    experimental: { fsModuleCache: true },
  },
});
