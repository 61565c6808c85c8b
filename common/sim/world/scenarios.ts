import type { Scenario } from './scenario.ts';
import { CHAOS_SCENARIOS } from './scenarios/chaos.ts';
import { ENDING_SCENARIOS } from './scenarios/endings.ts';
import { HYBRID_SCENARIOS } from './scenarios/hybrids.ts';
import { LEECHER_SCENARIOS } from './scenarios/leechers.ts';
import { NETWORK_SCENARIOS } from './scenarios/network.ts';
import { RELAY_SCENARIOS } from './scenarios/relays.ts';
import { SEEDER_SCENARIOS } from './scenarios/seeders.ts';
import { SWARM_SCENARIOS } from './scenarios/swarms.ts';

/** Everything that can happen, as far as we have thought of it. */
export const SCENARIOS: readonly Scenario[] = [
  ...SEEDER_SCENARIOS,
  ...NETWORK_SCENARIOS,
  ...LEECHER_SCENARIOS,
  ...HYBRID_SCENARIOS,
  ...ENDING_SCENARIOS,
  ...CHAOS_SCENARIOS,
  ...SWARM_SCENARIOS,
  ...RELAY_SCENARIOS,
];
