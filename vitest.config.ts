import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['{common,tracker,seeder,leecher,scripts}/**/*.test.ts'],
    // Worker threads and the tests that start processes run what was built; this makes sure it is the present source.
    globalSetup: ['scripts/fresh-build.ts'],
    setupFiles: ['scripts/property-seed.ts'],
    // One process per test file: some tests need signals, the working directory and the environment to themselves.
    pool: 'forks',
    // Real sockets, worker threads and child processes want a core too.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
