import { setFlagsFromString } from 'node:v8';

/** Bytes of bytecode that a function runs before V8 optimises it; by default 66 to 132 KiB, which is a few hundred calls. */
const BUDGET_BYTES = 300_000;
/** The default of Node 20. */
const USUAL_BUDGET_BYTES = 67_584;
/** The flag is that of Node 20's V8. Later ones do not know it, and say so on stderr. */
const V8_WITH_BUDGET = /^11\./;

/**
 * Has V8's optimising compiler wait until a function has proved that it stays busy. A download is over in seconds, and
 * what is hot in it is native: hashes, copies, system calls. By default V8 spends a tenth of a fast transfer's
 * processor time on optimising some 400 functions, many of them again and again, in threads that hashing needs. Much
 * later than this is too late for what is done for each block: with short ones that is a quarter of a transfer's time.
 *
 * A command asks for it when its sockets are open. From then on V8 takes nothing that was compiled without being told
 * so, such as the modules that Node has in its binary: each further one is compiled from its text. Threads need many of
 * them, so that it is taken back while one starts.
 */
export function compileLate(): void {
  isLate = true;
  if (startingThreads === 0) setBudget(BUDGET_BYTES);
}

/** Takes that back. */
export function compileAsUsual(): void {
  isLate = false;
  setBudget(USUAL_BUDGET_BYTES);
}

let isLate = false;
let startingThreads = 0;

/** A thread is about to start; what this gives is called, once or more, when it has started or come to nothing. */
export function threadStarts(): () => void {
  if (startingThreads++ === 0 && isLate) setBudget(USUAL_BUDGET_BYTES);
  let isStarting = true;
  return () => {
    if (!isStarting) return;
    isStarting = false;
    if (--startingThreads === 0 && isLate) setBudget(BUDGET_BYTES);
  };
}

function setBudget(bytes: number): void {
  if (V8_WITH_BUDGET.test(process.versions.v8)) setFlagsFromString(`--interrupt-budget=${bytes}`);
}
