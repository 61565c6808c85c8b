import type { Worker } from 'node:worker_threads';
import type { HashAnswer, HashJob } from './hash-job.ts';
import { threadStarts } from './late-compiler.ts';

/** The worker is always a built file: Node 20 runs no TypeScript. The commands have one that loads faster than a module. */
const WORKER = import.meta.url.endsWith('.ts')
  ? new URL('../../dist/common/host/hasher-worker.js', import.meta.url)
  : new URL(import.meta.url.endsWith('.cjs') ? './hasher-worker.cjs' : './hasher-worker.js', import.meta.url);

/**
 * Jobs that wait in the thread while one is done, so that it never idles between two messages: the main thread may be
 * busy for ten milliseconds with what its sockets have for it, which is the time of as many default pieces.
 */
const JOBS_PER_THREAD = 16;

/** A thread holds a read buffer outside its heap; the heap only sees digests. */
const HEAP_LIMITS = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 16 };

interface Waiting {
  readonly job: HashJob;
  readonly resolve: (bytes: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

interface Thread {
  readonly worker: Worker;
  /** BOUNDED: by JOBS_PER_THREAD. */
  readonly running: Waiting[];
}

/**
 * Threads for hash jobs: started when there is work, kept for more, never a reason for the process to stay alive
 * when idle. A thread that dies fails the job it was at, and is replaced.
 */
export class HashThreads {
  readonly #capacity: number;
  readonly #worker: URL;
  readonly #threads: Thread[] = [];
  /** BOUNDED: by the callers, who each hold a buffer or a place in a file for a job. */
  readonly #queue: Waiting[] = [];
  #isClosed = false;

  constructor(options: { readonly capacity: number; readonly worker?: URL }) {
    this.#capacity = options.capacity;
    this.#worker = options.worker ?? WORKER;
  }

  get capacity(): number {
    return this.#capacity;
  }

  /** Rejects with an `Error` whose `code` is the system's, when it was a system's error. */
  run(job: HashJob): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) return reject(new Error('the hash threads are closed'));
      this.#queue.push({ job, resolve, reject });
      this.#pump();
    });
  }

  /** Fails what is waiting, ends all threads. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const waiting of this.#queue.splice(0)) waiting.reject(new Error('the hash threads are closed'));
    await Promise.all(this.#threads.map((thread) => thread.worker.terminate()));
  }

  #pump(): void {
    while (this.#queue.length > 0) {
      const thread = this.#freest();
      if (thread === undefined) return;
      const waiting = this.#queue.shift()!;
      // Only a thread that works may hold the process.
      if (thread.running.length === 0) thread.worker.ref();
      thread.running.push(waiting);
      thread.worker.postMessage(waiting.job);
    }
  }

  /** An idle thread, else a new one, else one with room. */
  #freest(): Thread | undefined {
    let best: Thread | undefined;
    for (const thread of this.#threads) {
      if (best === undefined || thread.running.length < best.running.length) best = thread;
    }
    if (best?.running.length === 0) return best;
    if (this.#threads.length < this.#capacity) return this.#start();
    return best !== undefined && best.running.length < JOBS_PER_THREAD ? best : undefined;
  }

  #start(): Thread {
    const started = threadStarts();
    // The module is loaded with the first thread: what a slow line brings needs none.
    const { Worker: Thread } = process.getBuiltinModule('node:worker_threads');
    const worker = new Thread(this.#worker, { execArgv: [], resourceLimits: HEAP_LIMITS });
    const thread: Thread = { worker, running: [] };
    this.#threads.push(thread);
    worker.unref();
    let failure = new Error('a hash thread ended');
    // It has loaded what it needs when it answers: it is started for a job.
    worker.once('message', started);
    worker.once('exit', started);
    worker.on('message', (answer: HashAnswer) => this.#answered(thread, answer));
    // What it says before it ends; without a listener it would end the process.
    worker.on('error', (error) => (failure = new Error(`a hash thread failed: ${error.message}`, { cause: error })));
    worker.on('exit', () => this.#ended(thread, failure));
    return thread;
  }

  #answered(thread: Thread, answer: HashAnswer): void {
    const waiting = thread.running.shift();
    if (thread.running.length === 0) thread.worker.unref();
    this.#pump();
    if (answer.ok) waiting?.resolve(answer.bytes);
    else waiting?.reject(Object.assign(new Error(answer.message), { code: answer.code }));
  }

  #ended(thread: Thread, failure: Error): void {
    this.#threads.splice(this.#threads.indexOf(thread), 1);
    const [atHand, ...rest] = thread.running.splice(0);
    atHand?.reject(failure);
    if (this.#isClosed) {
      for (const waiting of rest) waiting.reject(failure);
      return;
    }
    this.#queue.unshift(...rest);
    this.#pump();
  }
}
