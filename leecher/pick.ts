import { ShoalError } from '../common/base/errors.ts';
import type { CatalogueEntry } from '../common/wire/catalogue-entry.ts';
import { entryLines } from './catalogue-choice.ts';

/** Where the user is asked, if there is one. */
export interface Questioner {
  readonly stdinIsTty: boolean;
  readonly stderrIsTty: boolean;
  err(line: string): void;
  /** Undefined at the end of the input. */
  ask(question: string): Promise<string | undefined>;
}

/** Has the user choose one of several. Rejects with USAGE where there is no user, or none was chosen. */
export async function pick(choices: readonly CatalogueEntry[], user: Questioner): Promise<CatalogueEntry> {
  for (const [i, line] of entryLines(choices).entries()) user.err(`${String(i + 1).padStart(3)}  ${line}`);
  if (!user.stdinIsTty || !user.stderrIsTty) {
    throw new ShoalError('USAGE', `${choices.length} things match: name one of those above, or give its info hash`);
  }
  const chosen = choices[Number(await user.ask(`which one, 1 to ${choices.length}? `)) - 1];
  if (chosen !== undefined) return chosen;
  throw new ShoalError('USAGE', 'nothing was chosen');
}
