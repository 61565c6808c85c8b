import { playScenarios } from './fixtures/play-scenarios.ts';

playScenarios({ part: 0, parts: 4, env: process.env, log: (line) => void process.stderr.write(`${line}\n`) });
