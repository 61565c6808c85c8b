import { parentPort, Worker, workerData } from 'node:worker_threads';

/** What two threads tell each other by messages. */
export interface ThreadPort {
  post(message: unknown): void;
  onMessage(take: (message: unknown) => void): void;
}

/**
 * A thread that helps the main one as long as the process lives: it is ended with it, and not before, since what it
 * shares with others is then nobody's.
 */
export class HelperThread implements ThreadPort {
  readonly #worker: Worker;
  /** Rejects when the thread has ended by itself. */
  readonly failed: Promise<never>;

  constructor(options: {
    /** The built file, which Node can run. */
    readonly file: URL;
    /** What it begins with; memory that is shared goes as it is. */
    readonly data: unknown;
  }) {
    this.#worker = new Worker(options.file, { execArgv: [], workerData: options.data });
    this.#worker.unref();
    this.failed = new Promise((_, reject) => {
      this.#worker.on('error', reject);
      this.#worker.on('exit', () => reject(new Error('a thread ended')));
    });
    this.failed.catch(() => {});
  }

  post(message: unknown): void {
    this.#worker.postMessage(message);
  }

  onMessage(take: (message: unknown) => void): void {
    this.#worker.on('message', take);
    // Listening would hold the process.
    this.#worker.unref();
  }
}

/** What a helper thread begins with. */
export const threadData = (): unknown => workerData;

/** The main thread, as a helper sees it. */
export const mainThread: ThreadPort = {
  post: (message) => parentPort?.postMessage(message),
  onMessage: (take) => void parentPort?.on('message', take),
};
