/**
 * Property tests draw the same cases on every run, so that a red run means a change was wrong, and is red again on the
 * next try. SHOAL_PROPERTY_SEED gives other ones; `npm run test:fuzz` tries new ones for as long as it is let.
 */
import { configureGlobal } from 'fast-check';

const USUAL_SEED = 52;

configureGlobal({ seed: Number(process.env['SHOAL_PROPERTY_SEED'] ?? USUAL_SEED) });
