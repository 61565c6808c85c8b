import { playScenarios } from './fixtures/play-scenarios.ts';

playScenarios({ part: 2, parts: 4, env: process.env, log: (line) => void process.stderr.write(`${line}\n`) });
